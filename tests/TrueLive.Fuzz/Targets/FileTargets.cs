using System.IO.Compression;
using System.Text;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;
using TrueLive.Models.Prompts;
using TrueLive.Probe.Features;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;
using TrueLive.Server.Configuration;

namespace TrueLive.Fuzz.Targets;

/// <summary>Files and texts that people hand to the programs.</summary>
internal static class FileTargets
{
    private static readonly string Folder = MakeFolder();

    private static readonly LookMatcher Matcher = MakeMatcher();

    public static void Manifest(ReadOnlySpan<byte> input)
    {
        try
        {
            File.WriteAllBytes(Path.Combine(Folder, "manifest.json"), input);
            var manifest = ModelManifest.Load(Folder);
            if (manifest.Prompt is { } prompt)
            {
                new LookMatcher(prompt, manifest.Looks, WordTable.Load(Path.Combine(Folder, "words.bin"))).Read("ink, neon (blue:0.5)");
            }
        }
        catch (ModelException)
        {
            // The documented refusal.
        }
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

    /// <summary>The file; and its lines as variables of the environment.</summary>
    public static void Configuration(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        var path = Path.Combine(Folder, "config.yaml");
        File.WriteAllBytes(path, input);
        var lines = text.Split('\n').Select(l => l.Split(':', 2)).Where(p => p.Length == 2).GroupBy(p => "TRUELIVE_" + p[0].Trim().ToUpperInvariant()).ToDictionary(g => g.Key, g => g.First()[1].Trim());
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

    /// <summary>The content of the file is packed here, so that changes reach the reader; the bytes as they are go through as well.</summary>
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
        // In memory where that is possible: thousands of files are written.
        var folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"truelive-fuzz-{Environment.ProcessId}");
        Directory.CreateDirectory(folder);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        File.WriteAllBytes(Path.Combine(folder, "words.bin"), WordTableOf("ink", "neon", "blue", "film"));
        File.WriteAllBytes(Path.Combine(folder, "net.onnx"), [0]);
        return folder;
    }

    private static LookMatcher MakeMatcher() => new(
        new PromptSpec("words.bin", 0.05, 0.5, 0.2, ["the", "a"]),
        [new LookSpec("identity", "Plain", "", [], [1, 0]), new LookSpec("ink", "Ink", "", ["ink"], [0, 1]), new LookSpec("neon", "Neon", "", ["neon blue"], [1, 1])],
        WordTable.Load(Path.Combine(Folder, "words.bin")));

    /// <summary>A table whose words stand at right angles to each other.</summary>
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
