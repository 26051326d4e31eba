using System.Text;
using System.Text.Json;
using TrueLive.Probe.Clips;
using TrueLive.Probe.Targets;
using TrueLive.Server.Probes;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a measured service or page sends, and the descriptions of services.</summary>
internal static class ProbeTargets
{
    private static readonly string Adapter = MakeAdapter();

    public static void ClipService(ReadOnlySpan<byte> input)
    {
        try
        {
            var service = ClipApi.Read("fuzz.yaml", Encoding.UTF8.GetString(input));
            if (service.Submit.Body is { } body)
                JsonDocument.Parse(body, new JsonDocumentOptions { MaxDepth = 100 }).Dispose();
        }
        catch (ClipApiException)
        {
            // The documented refusal.
        }
    }

    /// <summary>A pointer, a line break, and the answer that it points into.</summary>
    public static void ClipAnswer(ReadOnlySpan<byte> input)
    {
        var end = Math.Max(0, input.IndexOf((byte)'\n'));
        JsonDocument answer;
        try
        {
            answer = JsonDocument.Parse(input[end..].ToArray());
        }
        catch (JsonException)
        {
            return;
        }

        using (answer)
        {
            try
            {
                ClipClient.At(answer, Encoding.UTF8.GetString(input[..end]), "result");
            }
            catch (TargetException)
            {
                // The documented refusal.
            }
        }
    }

    /// <summary>Messages of a page, one on each line.</summary>
    public static void Page(ReadOnlySpan<byte> input)
    {
        var target = new PageTarget(Adapter, new BrowserOptions(), new Dictionary<string, string>(), TimeProvider.System)
        {
            Heard = words => Check(words, 600),
        };
        foreach (var range in input.Split((byte)'\n'))
        {
            try
            {
                target.Hear(input[range]);
            }
            catch (JsonException)
            {
                // The documented refusal.
            }
        }

        Check(target.EndedBecause ?? "", 600);
    }

    /// <summary>Output lines of a running probe.</summary>
    public static void Progress(ReadOnlySpan<byte> input)
    {
        var job = new ProbeJob("id", "owner", "target", "quick", "folder", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch);
        foreach (var line in Encoding.UTF8.GetString(input).Split('\n'))
            job.Heard(line);
        JsonSerializer.Serialize(job.Look().View);
        job.End(ProbeState.Failed);
    }

    private static void Check(string words, int longest)
    {
        if (words.Length > longest || words.Any(char.IsControl))
            throw new InvalidOperationException("a page writes to the terminal");
    }

    private static string MakeAdapter()
    {
        var path = KeptTargets.FileOf("adapter.js");
        File.WriteAllText(path, "export const environment = [];");
        return path;
    }
}
