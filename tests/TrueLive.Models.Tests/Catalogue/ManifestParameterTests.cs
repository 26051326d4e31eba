using TrueLive.Core.Models;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Tests.Catalogue;

/// <summary>The parameters that a model in Python declares.</summary>
public sealed class ManifestParameterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-parameters").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Each_kind_is_declared_with_its_rules()
    {
        var declared = Load("""
            {"id": "level", "title": "Level", "default": 0.5, "min": 0, "max": 1, "step": 0.25},
            {"id": "shape", "title": "Shape", "kind": "choice", "choices": ["round", "square"], "default": "square", "live": false},
            {"id": "dark", "title": "Dark", "kind": "flag", "default": true},
            {"id": "note", "title": "Note", "kind": "text", "default": ""}
            """).Describe().Parameters;
        Assert.Equal(["0.5", "square", "true", ""], declared.Select(p => p.Default));
        Assert.Equal([true, false, true, true], declared.Select(p => p.Live));
        Assert.True(ParameterValues.None.TrySet(declared, [new("level", "0.74"), new("dark", "false")], out var values, out _));
        Assert.Equal("dark=false level=0.75", values.ToString());
    }

    [Fact]
    public void The_example_declares_what_its_program_asks_for() => Assert.Equal(
        ["channels", "from"], ModelManifest.Load(Path.Combine(Repository.Root, "worker", "examples", "invert_numpy"))
            .Describe().Parameters.Select(p => p.Id));

    [Theory]
    [InlineData("""{"title": "A", "default": 1}""", "id that is not")]
    [InlineData("""{"id": "A b", "title": "A", "default": 1}""", "id that is not")]
    [InlineData("""{"id": "a", "default": 1}""", "needs a title")]
    [InlineData("""{"id": "a", "title": "A"}""", "default that cannot be set")]
    [InlineData("""{"id": "a", "title": "A", "default": 2, "max": 1}""", "must be a number of at most 1")]
    [InlineData("""{"id": "a", "title": "A", "default": 1, "min": 2, "max": 1}""", "needs min <= max")]
    [InlineData("""{"id": "a", "title": "A", "default": 1, "step": 0}""", "a step above 0")]
    [InlineData("""{"id": "a", "title": "A", "kind": "colour", "default": 1}""", "number, choice, flag, text")]
    [InlineData("""{"id": "a", "title": "A", "kind": "image", "default": ""}""", "none of number, choice, flag and text")]
    [InlineData("""{"id": "a", "title": "A", "kind": "flag", "default": "yes"}""", "must be true or false")]
    [InlineData("""{"id": "a", "title": "A", "kind": "flag", "default": true, "min": 1}""", "without being a number")]
    [InlineData("""{"id": "a", "title": "A", "kind": "choice", "default": "b"}""", "is one without them")]
    [InlineData("""{"id": "a", "title": "A", "kind": "choice", "choices": ["b", "b"], "default": "b"}""", "different choices")]
    [InlineData("""{"id": "a", "title": "A", "kind": "choice", "choices": ["\u0007"], "default": "b"}""", "different choices")]
    [InlineData("""{"id": "a", "title": "A", "kind": "choice", "choices": ["b"], "default": "c"}""", "must be one of: b")]
    [InlineData("""{"id": "a", "title": "A", "kind": "text", "default": "a\u0022"}""", "without quotation marks")]
    [InlineData("""{"id": "a", "title": "A", "kind": "text", "default": "\ud800"}""", "without quotation marks")]
    [InlineData("""{"id": "a", "title": "A", "default": 1}, {"id": "a", "title": "B", "default": 1}""", "ids that differ")]
    [InlineData("null", "must not be null")]
    public void What_cannot_be_set_is_refused_by_field_and_rule(string parameters, string rule)
    {
        var wrong = Assert.Throws<ModelException>(() => Load(parameters));
        Assert.Contains("parameters", wrong.Message, StringComparison.Ordinal);
        Assert.Contains(rule, wrong.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_network_has_inputs_instead()
    {
        var error = Assert.Throws<ModelException>(() => Load("""{"id": "a", "title": "A", "default": 1}""", "\"file\": \"a.onnx\""));
        Assert.Contains("a graph has inputs with a title", error.Message, StringComparison.Ordinal);
    }

    private ModelManifest Load(string parameters, string kind = "\"command\": [\"python3\", \"model.py\"]")
    {
        File.WriteAllText(Path.Combine(_folder, "manifest.json"), $$"""
            {"schema": "truelive-model/1", "id": "test", "title": "Test", {{kind}}, "size": {"min": 64, "max": 640, "multiple": 2},
                "parameters": [{{parameters}}]}
            """);
        return ModelManifest.Load(_folder);
    }
}
