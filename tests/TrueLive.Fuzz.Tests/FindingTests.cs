using System.Text;
using TrueLive.Probe.Requirements;
using TrueLive.Server.Configuration;

namespace TrueLive.Fuzz.Tests;

/// <summary>Inputs that are too long, or too deadly to the process, to be seeds.</summary>
public sealed class FindingTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Theory]
    [InlineData("[")]
    [InlineData("{a: ")]
    [InlineData("- ")]
    public void Yaml_as_deep_as_its_file_is_long_is_refused_and_does_not_exhaust_the_stack(string opening)
    {
        var text = new StringBuilder("rules:\n ").Insert(8, opening, 100_000 / opening.Length).ToString();
        Assert.Contains("nesting", Assert.Throws<RequirementException>(() => RequirementYaml.Read("x.yaml", text)).Message,
            StringComparison.Ordinal);
        Assert.Contains("nesting", Refused(text), StringComparison.Ordinal);
    }

    [Fact]
    public void Aliases_that_multiply_are_refused()
    {
        var text = "a0: &a0 [x]\n" + string.Concat(Enumerable.Range(1, 30).Select(i => $"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n"));
        Assert.Contains("aliases", Refused(text), StringComparison.Ordinal);
        Assert.Throws<RequirementException>(() => RequirementYaml.Read("x.yaml", text));
    }

    [Fact]
    public void A_configuration_of_megabytes_is_refused() =>
        Assert.Contains("longer", Refused(new string('#', 300_000)), StringComparison.Ordinal);

    [Fact]
    public void The_same_seed_makes_the_same_inputs()
    {
        var (a, b) = (new Mutator([[1, 2, 3]], 5), new Mutator([[1, 2, 3]], 5));
        Assert.All(Enumerable.Range(0, 1000), _ => Assert.Equal(a.Next(), b.Next()));
    }

    public void Dispose() => File.Delete(_file);

    private string Refused(string text)
    {
        File.WriteAllText(_file, text);
        return Assert.Throws<ConfigurationException>(() => OptionsReader.Read(_file, _ => null, new Dictionary<string, string>())).Message;
    }
}
