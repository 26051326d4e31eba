using System.IO.Compression;
using System.Text;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Models.Convolutions;
using TrueLive.Models.Diffusion;
using TrueLive.Models.Fused;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;
using TrueLive.Models.Text;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Server.Configuration;

namespace TrueLive.Fuzz.Targets;

/// <summary>Files and texts that users give to the programs.</summary>
internal static class FileTargets
{
    private static readonly ModelParameter[] Parameters =
    [
        new("seed", "Seed", ParameterKind.Number) { Default = "2", Min = 0, Max = 9, Step = 1 },
        new("guidance", "Guidance", ParameterKind.Choice) { Default = "none", Choices = ["none", "full"] },
        new("caption", "Caption", ParameterKind.Text),
    ];

    private static readonly string Folder = MakeFolder();

    private static readonly PromptReader Matcher = MakeMatcher();

    public static void Manifest(ReadOnlySpan<byte> input)
    {
        try
        {
            File.WriteAllBytes(Path.Combine(Folder, "manifest.json"), input);
            var manifest = ModelManifest.Load(Folder);
            if (manifest.Prompt is { } prompt)
                new PromptReader(new LookMatcher(prompt, manifest.Looks, WordTable.Load(Path.Combine(Folder, "words.bin"))))
                    .Read("ink, neon (blue:0.5)");
        }
        catch (ModelException)
        {
            // The documented refusal.
        }
    }

    public static void Network(ReadOnlySpan<byte> input)
    {
        var file = input.ToArray();
        ConvGraph.Read(file, "x", "tiles", "y");
        try
        {
            OnnxSignature.Read(file, "net.onnx");
            OnnxFile.Check(file, "net.onnx", new GraphLimits(long.MaxValue, OnnxFile.MaxConstants, file.Length % 2 == 0 ? null : Folder));
            GraphCut.Make(file, [new CutInput("x", 1, 10, null, null)], ["y"]);
        }
        catch (Exception e) when (e is ModelException or InvalidDataException)
        {
            // The documented refusals.
        }
    }

    /// <summary>An ONNX file (onnx.proto) of three layers, one of each kind, with a factor, a residual and a doubling.</summary>
    public static byte[] SmallNetwork()
    {
        return ProtoField.Write([new(1, 8), Message(8, Text(1, ""), new(2, 13)), Message(7,
            Weights("w0", 16, 10, 3, 3), Weights("b", 16), Weights("w1", 16, 16, 3, 3), Weights("w2", 16, 16, 1, 1), Weights("twice", 4),
            Node("Conv", ["x", "w0", "b"], "a", ("strides", [2, 2]), ("pads", [1, 1, 1, 1])), Node("Relu", ["a"], "r"),
            Node("Conv", ["r", "w1", "b"], "c", ("dilations", [2, 2]), ("pads", [2, 2, 2, 2])), Node("Mul", ["c", "s"], "m"),
            Node("Add", ["m", "t"], "n"), Node("Add", ["n", "r"], "o"),
            Node("Conv", ["o", "w2", "b"], "d"), Node("Resize", ["d", "", "twice"], "e"), Node("Relu", ["e"], "y"))]);

        static ProtoField Message(int number, params ProtoField[] fields) => new(number, ProtoField.Write(fields));

        static ProtoField Text(int number, string text) => new(number, Encoding.UTF8.GetBytes(text));

        static ProtoField Weights(string name, params long[] shape) =>
            Message(5, [.. shape.Select(s => new ProtoField(1, s)), new(2, 1L), Text(8, name),
                new(9, new byte[4 * shape.Aggregate(1L, (a, b) => a * b)])]);

        static ProtoField Node(string type, string[] inputs, string output, params (string Name, long[] Numbers)[] attributes) =>
            Message(1, [.. inputs.Select(i => Text(1, i)), Text(2, output), Text(4, type),
                .. attributes.Select(a => Message(5, [Text(1, a.Name), .. a.Numbers.Select(n => new ProtoField(8, n))]))]);
    }

    public static void Words(ReadOnlySpan<byte> input)
    {
        try
        {
            WordTable.Parse(input.ToArray(), "words.bin").Find("ink's-pots");
        }
        catch (ModelException)
        {
            // The documented refusal.
        }
    }

    /// <summary>The files of a tokenizer, one after the other: vocabulary, merges, configuration, tokens by name, and all in one.</summary>
    public static void Tokenizer(ReadOnlySpan<byte> input)
    {
        var files = FuzzTarget.Packets(input);
        byte[] File(int i) => i < files.Count ? files[i] : [];
        try
        {
            var ids = new int[ClipTokenizer.Length];
            var tokenizer = files.Count > 4
                ? ClipTokenizer.ParseWhole(File(4), File(2), File(3), "tokenizer")
                : ClipTokenizer.Parse(File(0), File(1), File(2), File(3), "tokenizer");
            tokenizer.Encode("Ink, neon's \ud83c\udfa8 (oil:0.5)", ids);
        }
        catch (ModelException)
        {
            // The documented refusal.
        }
    }

    public static void Scheduler(ReadOnlySpan<byte> input)
    {
        try
        {
            var schedule = NoiseSchedule.Parse(input.ToArray(), "scheduler_config.json");
            for (var step = 0; step < DiffusionSpec.Grid; step++)
            {
                var row = schedule.At(step);
                if (!double.IsFinite(row.A) || !(row.A > 0) || !double.IsFinite(row.B) || !(row.B > 0))
                    throw new InvalidOperationException($"step {step} is {row}");
            }
        }
        catch (ModelException)
        {
            // The documented refusal.
        }
    }

    public static void PromptText(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        foreach (var part in PromptSyntax.Split(text))
        {
            if (part.Text.Length > text.Length || part.Weight is not (>= -2 and <= 2))
            {
                throw new InvalidOperationException($"part '{part}'");
            }
        }

        var reading = Matcher.Read(text);
        if (!float.IsFinite(reading.Confidence) || reading.Style.Any(v => !float.IsFinite(v)))
        {
            throw new InvalidOperationException("a reading that is no number");
        }
    }

    public static void Schedule(ReadOnlySpan<byte> input)
    {
        if (ValueSchedule.TryParse(Encoding.UTF8.GetString(input), Parameters, out var values, out _)
            && values.Any(v => !PromptSchedule.TryOne(v.Values.ToString(), out var kept, out _)
                || !ValueSchedule.TryParse(kept.ToString(), Parameters, out var again, out _) || !again[0].Values.Equals(v.Values)))
        {
            throw new InvalidOperationException("values that are not read as they are written");
        }
        if (PromptSchedule.TryParse(Encoding.UTF8.GetString(input), out var schedule, out var error))
        {
            if (schedule.Cues[0].At != TimeSpan.Zero || schedule.Cues.Any(c => c.Text.Length > Prompt.MaxLength))
            {
                throw new InvalidOperationException("a schedule beyond its limits");
            }
        }
        else if (error.Length is 0 or > 500)
        {
            throw new InvalidOperationException($"an error of {error.Length} characters");
        }
    }

    /// <summary>The parts of PNG and WebP that are read before ffmpeg sees them.</summary>
    public static void WebPicture(ReadOnlySpan<byte> input)
    {
        using var file = new MemoryStream(input.ToArray());
        if (ExifOrientation.Of(file) is < 1 or > 8)
            throw new InvalidOperationException("no way to hold a camera");
        file.Position = 0;
        try
        {
            foreach (var part in AnimatedWebP.Read(file).Parts.Take(8))
                AnimatedWebP.Single(file, part);
        }
        catch (InvalidDataException)
        {
            // The documented refusal.
        }
    }

    /// <summary>The first bytes of a film or a picture, and, as lines, ffprobe's output about its packets.</summary>
    public static void MediaFile(ReadOnlySpan<byte> input)
    {
        FileSignature.DemuxerOf(input, ".jpg");
        FileSignature.IsAnimatedWebP(input);
        FileSignature.PhotographOf(input);
        foreach (var mends in new[] { false, true })
        {
            var times = new PacketTimes(0);
            foreach (var line in Encoding.Latin1.GetString(input).Split('\n'))
            {
                times.Read(line, mends);
            }

            if (times.Count > 0 && !(times.Tail(times.Last + 1) is > 0 and < 1e6 && double.IsFinite(times.Last - times.First)
                && times.Mean >= 0))
            {
                throw new InvalidOperationException("a length that is no number");
            }
        }
    }

    public static void Requirement(ReadOnlySpan<byte> input)
    {
        try
        {
            RequirementYaml.Read("fuzz.yaml", Encoding.UTF8.GetString(input));
        }
        catch (RequirementException)
        {
            // The documented refusal.
        }
    }

    /// <summary>The file, and its lines as environment variables.</summary>
    public static void Configuration(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        var path = Path.Combine(Folder, "config.yaml");
        File.WriteAllBytes(path, input);
        var lines = text.Split('\n').Select(l => l.Split(':', 2)).Where(p => p.Length == 2)
            .GroupBy(p => "TRUELIVE_" + p[0].Trim().ToUpperInvariant()).ToDictionary(g => g.Key, g => g.First()[1].Trim());
        foreach (var (file, environment) in new[] { (path, new Dictionary<string, string>()), (null, lines) })
        {
            try
            {
                OptionsReader.Read(file, name => environment.GetValueOrDefault(name), new Dictionary<string, string>());
            }
            catch (ConfigurationException)
            {
                // The documented refusal.
            }
        }
    }

    /// <summary>Packs the input, so that mutations reach the reader of the content; the unpacked bytes are tried as well.</summary>
    public static void Observation(ReadOnlySpan<byte> input)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            gzip.Write(input);
        }

        foreach (var bytes in new[] { packed.ToArray(), input.ToArray() })
        {
            try
            {
                ObservationFile.Read(new MemoryStream(bytes));
            }
            catch (FormatException)
            {
                // The documented refusal.
            }
        }
    }

    public static void Report(ReadOnlySpan<byte> input)
    {
        try
        {
            ProbeReport.Read(input);
        }
        catch (FormatException)
        {
            // The documented refusal.
        }
    }

    private static string MakeFolder()
    {
        // In memory if possible: thousands of files are written.
        var folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"truelive-fuzz-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        File.WriteAllBytes(Path.Combine(folder, "words.bin"), WordTableOf("ink", "neon", "blue", "film"));
        File.WriteAllBytes(Path.Combine(folder, "net.onnx"), [0]);
        return folder;
    }

    private static PromptReader MakeMatcher() => new(new LookMatcher(
        new PromptSpec("words.bin", 0.05, 0.5, 0.2, ["the", "a"]),
        [new LookSpec("identity", "Plain", "", [], [1, 0]), new LookSpec("ink", "Ink", "", ["ink"], [0, 1]),
            new LookSpec("neon", "Neon", "", ["neon blue"], [1, 1])],
        WordTable.Load(Path.Combine(Folder, "words.bin"))));

    /// <summary>A table whose word vectors are orthogonal to each other.</summary>
    internal static byte[] WordTableOf(params string[] words)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("TLW1"u8);
        writer.Write(words.Length);
        writer.Write(words.Length);
        foreach (var _ in words)
        {
            writer.Write(1f / 127);
            writer.Write(1f);
        }

        for (var i = 0; i < words.Length; i++)
        {
            for (var j = 0; j < words.Length; j++)
            {
                writer.Write((sbyte)(i == j ? 127 : 0));
            }
        }

        writer.Write(Encoding.UTF8.GetBytes(string.Join('\n', words)));
        return stream.ToArray();
    }
}
