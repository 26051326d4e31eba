using System.Globalization;
using System.Text;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;

namespace TrueLive.Models.Tests.Onnx;

/// <summary>Tests that read the memory or processor time of the process run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone in the process";
}

/// <summary>Model folders from strangers: each is refused with a message that names file and field, in bounded memory.</summary>
[Collection(Alone.Name)]
public sealed class HostileFileTests
{
    private static readonly byte[] Identity = Network().Node("Identity", ["x"], ["y"]).Bytes();

    private static OnnxGraph Network() => new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0);

    private static OnnxGraph Adding(OnnxGraph graph) => graph.Node("Add", ["x", "c"], ["y"]);

    private static readonly Dictionary<string, (byte[] File, string[] Words)> Networks = new()
    {
        ["no bytes"] = ([], ["net.onnx", "field file", "empty"]),
        ["text"] = (Encoding.UTF8.GetBytes(new string('<', 5000)), ["net.onnx", "field file", "not an ONNX file"]),
        ["no graph"] = ([8, 8], ["net.onnx", "field file", "no graph"]),
        ["cut off"] = (File.ReadAllBytes(Path.Combine(Repository.LiveTiny, "live-tiny.onnx"))[..100_000],
            ["net.onnx", "field file", "cut off"]),
        ["a custom operator"] = (Network().CustomNode("evil.example", "Mine", "x", "y").Bytes(),
            ["net.onnx", "field file", "custom operator Mine of 'evil.example'"]),
        ["an operator that does not exist"] = (Network().Node("Teleport", ["x"], ["y"]).Bytes(), ["net.onnx", "field file", "Teleport"]),
        ["weights in the folder above"] = (Adding(Network().ExternalConstant("c", "../secret.bin", 1, 3, 1, 1)).Bytes(),
            ["net.onnx", "field file", "tensor 'c' lies outside this file"]),
        ["weights beside it"] = (Adding(Network().ExternalConstant("c", "weights.bin", 1, 3, 1, 1)).Bytes(),
            ["net.onnx", "field file", "one file"]),
        ["a constant of 400 GB in few bytes"] = (Adding(Network().SparseConstant("c", 100_000, 1_000_000)).Bytes(),
            ["net.onnx", "field file", "MB of constants"]),
        ["a constant without its numbers"] = (Adding(Network().Constant("c", [1], 1_000_000, 1_000_000)).Bytes(),
            ["net.onnx", "field file", "MB of constants"]),
        ["a computed constant of 40 GB"] = (Adding(Network().Whole("s", [100_000L, 100_000], 2).Node("ConstantOfShape", ["s"], ["e"])
            .Node("ReduceMax", ["e"], ["c"], ("keepdims", 0))).Bytes(), ["net.onnx", "field"]),
        ["a step that needs 40 GB"] = (Network().Whole("s", [100_000L, 1, 1, 1], 4).Node("Expand", ["x", "s"], ["e"])
            .Node("ReduceMax", ["e"], ["r"], ("keepdims", 1)).Node("Add", ["x", "r"], ["y"]).Bytes(), ["net.onnx", "size"]),
        ["functions that call each other ten times each"] = (Enumerable.Range(0, 12)
            .Aggregate(Network().CustomNode("local", "F0", "x", "y"), (graph, i) => graph.Function($"F{i}", $"F{i + 1}", 10)).Bytes(),
            ["net.onnx", "field file", "functions"]),
        // A recursive count would overflow the stack and end the process.
        ["functions that call each other as deep as the file is long"] = (Enumerable.Range(0, 100_000)
            .Aggregate(Network().CustomNode("local", "F0", "x", "y"), (graph, i) => graph.Function($"F{i}", $"F{i + 1}", 1)).Bytes(),
            ["net.onnx", "field file", "deep"]),
        ["a function that calls itself"] = (Network().CustomNode("local", "F0", "x", "y").Function("F0", "F1", 1).Function("F1", "F0", 1)
            .Bytes(), ["net.onnx", "field file", "calls itself"]),
        ["a newer file format"] = (Network().Node("Identity", ["x"], ["y"]).Bytes(version: 99),
            ["net.onnx", "field file", "newer", "opset"]),
        ["a newer set of operators"] = (Network().Node("Identity", ["x"], ["y"]).Bytes(99), ["net.onnx", "field file", "newer", "opset"]),
        ["graphs in graphs"] = (Nested(60).Bytes(), ["net.onnx", "field file", "nested"]),
        ["another shape than it says"] = (Network().Whole("zero", [0L, 0], 2).Whole("some", [7L, 7], 2).Whole("axes", [2L, 3], 2)
            .Node("Slice", ["x", "zero", "some", "axes"], ["y"]).Bytes(), ["net.onnx", "fields size, output"]),
    };

    private static OnnxGraph Nested(int depth)
    {
        var graph = new OnnxGraph();
        for (var i = 0; i < depth; i++)
            graph = new OnnxGraph().NodeWithBody("Loop", ["", ""], ["o"], graph);
        return graph;
    }

    public static TheoryData<string> NetworkNames() => [.. Networks.Keys];

    [Theory]
    [MemberData(nameof(NetworkNames))]
    public void A_network_that_cannot_be_used_is_refused_by_name_in_little_memory(string fused)
    {
        var (file, words) = Networks[fused];
        using var folder = new ModelFolder(file);
        Refused(folder.Path, words, 128);
    }

    private static readonly Dictionary<string, (Action<string> Spoil, string[] Words)> Folders = new()
    {
        ["no manifest"] = (folder => File.Delete(Manifest(folder)), ["no manifest.json"]),
        ["a manifest of 100 MB"] = (folder => Grow(Manifest(folder), 100L << 20), ["manifest.json", "104857600 bytes"]),
        ["a manifest that never ends"] = (folder => Link(Manifest(folder), "/dev/zero"), ["manifest.json", "link"]),
        ["a network that never ends"] = (folder => Link(Path.Combine(folder, "net.onnx"), "/dev/zero"), ["net.onnx", "link"]),
        ["a network of 2 GB"] = (folder => Grow(Path.Combine(folder, "net.onnx"), 2L << 30), ["net.onnx", "2147483648 bytes", "512 MB"]),
        ["no network"] = (folder => File.Delete(Path.Combine(folder, "net.onnx")), ["net.onnx", "field file", "does not exist"]),
        ["a link to a network elsewhere"] = (folder =>
            Link(Path.Combine(folder, "net.onnx"), Path.Combine(Repository.LiveTiny, "live-tiny.onnx")), ["net.onnx", "link"]),
        ["a folder in place of a network"] = (folder =>
            { File.Delete(Path.Combine(folder, "net.onnx")); Directory.CreateDirectory(Path.Combine(folder, "net.onnx")); },
            ["net.onnx", "does not exist"]),
    };

    public static TheoryData<string> FolderNames() => [.. Folders.Keys];

    [Theory]
    [MemberData(nameof(FolderNames))]
    public void A_folder_with_odd_files_is_refused_by_name_in_little_memory(string oddity)
    {
        var (spoil, words) = Folders[oddity];
        using var folder = new ModelFolder(Identity);
        spoil(folder.Path);
        Refused(folder.Path, words, 64);
    }

    [Theory]
    [InlineData("\"file\": \"net.onnx\"", "\"file\": \"../net.onnx\"", "file must be the name")]
    [InlineData("\"file\": \"net.onnx\"", "\"file\": \"/etc/passwd\"", "file must be the name")]
    [InlineData("\"file\": \"net.onnx\"", "\"file\": \"..\"", "file must be the name")]
    [InlineData("\"file\": \"net.onnx\"", "\"file\": \"a\\\\..\\\\net.onnx\"", "file must be the name")]
    [InlineData("\"file\": \"net.onnx\"", "\"file\": \"net.onnx\", \"sha256\": \"00\"", "sha256")]
    [InlineData("\"file\": \"net.onnx\"", "\"file\": \"net.onnx\", \"rnage\": 3", "rnage")]
    [InlineData("truelive-model/1", "truelive-model/9", "schema must be")]
    [InlineData("\"id\": \"test-net\"", "\"id\": \"../test\"", "id must be")]
    [InlineData("\"name\": \"y\"", "\"name\": \"z\"", "output.name names 'z', which net.onnx does not have. It has: y")]
    [InlineData("\"input\": \"x\"", "\"input\": \"image\"", "frame.input names 'image', which net.onnx does not have. It has: x")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"layout\": \"nhwc\"", "frame.layout does not fit: 'x' is [1, 3, -1, -1]")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"channels\": 4", "frame.channels does not fit")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"type\": \"float16\"", "frame.type is float16, but 'x' is float")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"type\": 77", "frame.type must be")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"type\": \"float64\"", "frame.type")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"range\": null", "frame.range")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"range\": [1, 1]", "frame.range must be two different numbers")]
    [InlineData("\"input\": \"x\"", "\"input\": \"x\", \"std\": [1, 0, 1]", "frame.std must be")]
    [InlineData("\"min\": 16", "\"min\": -5", "size needs")]
    [InlineData("\"min\": 16", "\"width\": 100000, \"height\": 100000, \"min\": 16", "size width and height")]
    [InlineData("\"min\": 16", "\"min\": 1e99", "size.min")]
    [InlineData("\"size\":", "\"states\": [null], \"size\":", "states[0]")]
    [InlineData("\"size\":", "\"states\": [{ \"input\": \"s\", \"output\": \"t\", \"channels\": 3 }], \"size\":",
        "states[0].input names 's'")]
    [InlineData("\"size\":", "\"states\": [{ \"input\": \"x\", \"output\": \"y\", \"channels\": 3 }], \"size\":",
        "fill 'x' more than once")]
    [InlineData("\"size\":", "\"style\": { \"input\": \"s\", \"length\": 4 }, \"size\":", "style.input names 's'")]
    [InlineData("\"size\":", "\"inputs\": [{ \"name\": \"gain\", \"value\": 1 }], \"size\":", "inputs[0].name names 'gain'")]
    [InlineData("\"size\":", "\"prompt\": { \"words\": \"../words.bin\", \"temperature\": 1 }, \"size\":", "looks must not be empty")]
    [InlineData("{ \"schema\"", "[[ \"schema\"", "manifest.json: field (whole file) cannot be read (line 1)")]
    [InlineData("\"size\":", "\"measured\": {\"$ref\": \"#/measured\"}, \"size\": {}, \"size\":", "")]
    public void A_manifest_that_does_not_fit_is_refused_with_the_field_that_is_wrong(string text, string instead, string words)
    {
        var manifest = ModelFolder.Manifest();
        Assert.Contains(text, manifest, StringComparison.Ordinal);
        using var folder = new ModelFolder(manifest.Replace(text, instead, StringComparison.Ordinal), Identity);
        if (words.Length == 0)
            folder.Load().Dispose();
        else
            Refused(folder.Path, words == "sha256" ? ["net.onnx", words] : ["manifest.json", words], 64);
    }

    [Fact]
    public void Json_as_deep_as_it_can_be_written_is_refused()
    {
        using var folder =
            new ModelFolder(ModelFolder.Manifest(more: $"\"measured\": {new string('[', 100_000)}{new string(']', 100_000)}"), Identity);
        Refused(folder.Path, ["manifest.json", "measured"], 64);
    }

    [Fact]
    public void States_that_would_fill_the_memory_are_refused()
    {
        var graph = Network().Node("Identity", ["x"], ["y"]);
        for (var i = 0; i < 40; i++)
            graph.Input($"s{i}", Element.Float, 0).Output($"t{i}", Element.Float, 0).Node("Identity", [$"s{i}"], [$"t{i}"]);
        string States(int count, long length) =>
            $"\"states\": [{string.Join(',', Enumerable.Range(0, count).Select(i => $"{{\"input\": \"s{i}\", \"output\": \"t{i}\", \"shape\": [{length}]}}"))}]";
        using var one = new ModelFolder(Network().Input("s0", Element.Float, 0, 0).Output("t0", Element.Float, 0, 0)
            .Node("Identity", ["s0"], ["t0"]).Node("Identity", ["x"], ["y"]).Bytes(),
            more: "\"states\": [{\"input\": \"s0\", \"output\": \"t0\", \"shape\": [1048576, 1048576]}]");
        Refused(one.Path, ["net.onnx", "larger than 256 MB"], 64);
        using var many = new ModelFolder(graph.Bytes(), more: States(40, 1 << 20));
        many.Load().Dispose();
        using var large = new ModelFolder(ModelFolder.Manifest(more: States(40, 1 << 20)
            .Replace("1048576]", "1048576, 16]", StringComparison.Ordinal)), Planes(40));
        Refused(large.Path, ["net.onnx", "needs more than 1024 MB"], 1200);

        static byte[] Planes(int count)
        {
            var graph = Network().Node("Identity", ["x"], ["y"]);
            for (var i = 0; i < count; i++)
                graph.Input($"s{i}", Element.Float, 0, 0).Output($"t{i}", Element.Float, 0, 0).Node("Identity", [$"s{i}"], [$"t{i}"]);
            return graph.Bytes();
        }
    }

    [Fact]
    public async Task A_network_that_never_ends_is_stopped()
    {
        var bytes = Network().Input("v", Element.Float, 1).Output("w", Element.Float, 1).Whole("count", [long.MaxValue])
            .NodeWithBody("Loop", ["count", "", "v"], ["w"],
            new OnnxGraph().Input("i", Element.Int64).Input("go", Element.Bool).Input("v", Element.Float, 1).Output("again", Element.Bool)
                .Output("u", Element.Float, 1)
                .Node("Identity", ["go"], ["again"]).Node("Identity", ["v"], ["u"])).Node("Identity", ["x"], ["y"]).Bytes();
        using var folder = new ModelFolder(bytes, more: "\"states\": [{\"input\": \"v\", \"output\": \"w\", \"shape\": [1]}]");
        var time = new FakeTimeProvider();
        var load = Task.Run(() => Assert.Throws<ModelException>(() => OnnxVideoModel.Load(folder.Path, 1, time)),
            TestContext.Current.CancellationToken);
        while (!load.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(31));
            await Task.Yield();
        }
        Assert.Contains("more than 30 s", (await load).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Damaged_manifests_and_networks_never_do_more_than_be_refused()
    {
        var manifest = Encoding.UTF8.GetBytes(ModelFolder.Manifest(more: """
            "states": [], "style": null, "inputs": [], "looks": [{ "id": "red", "title": "Red", "anchors": ["a"], "style": [1] }]
            """));
        using var folder = new ModelFolder(Identity);
        var damage = Gen.Select(Gen.Bool, Gen.Int[0, 100_000], Gen.Byte, Gen.Int[0, 3]);
        damage.Sample((which, at, value, kind) =>
        {
            var file = (which ? manifest : Identity).ToArray();
            var i = at % file.Length;
            file = kind switch
            {
                0 => file[..i],
                1 => [.. file[..i], .. file[i..], .. file[i..]],
                2 => [.. file[..i], value, .. file[i..]],
                _ => [.. file[..i], value, .. file[(i + 1)..]]
            };
            File.WriteAllBytes(Manifest(folder.Path), which ? file : Encoding.UTF8.GetBytes(ModelFolder.Manifest()));
            File.WriteAllBytes(Path.Combine(folder.Path, "net.onnx"), which ? Identity : file);
            try
            {
                folder.Load().Dispose();
            }
            catch (ModelException wrong)
            {
                Assert.Contains(folder.Path, wrong.Message, StringComparison.Ordinal);
            }
        }, iter: 400, threads: 1);
    }

    private static void Refused(string folder, string[] words, long megabytes)
    {
        // Writing 5 resets the kernel's high-water mark (proc(5), clear_refs).
        File.WriteAllText("/proc/self/clear_refs", "5");
        var before = Kilobytes("VmRSS");
        var wrong = Assert.Throws<ModelException>(() => OnnxVideoModel.Load(folder, 1, TimeProvider.System));
        var growth = (Kilobytes("VmHWM") - before) / 1024;
        TestContext.Current.TestOutputHelper?.WriteLine($"{growth} MB: {wrong.Message}");
        Assert.All(words, word => Assert.Contains(word, wrong.Message, StringComparison.Ordinal));
        Assert.True(growth <= megabytes, $"took {growth} MB: {wrong.Message}");
    }

    private static long Kilobytes(string key) =>
        long.Parse(File.ReadLines("/proc/self/status").First(l => l.StartsWith(key, StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Trim(), CultureInfo.InvariantCulture);

    private static string Manifest(string folder) => Path.Combine(folder, "manifest.json");

    private static void Grow(string path, long length)
    {
        using var file = File.OpenWrite(path);
        file.SetLength(length);
    }

    private static void Link(string path, string target)
    {
        File.Delete(path);
        File.CreateSymbolicLink(path, target);
    }
}
