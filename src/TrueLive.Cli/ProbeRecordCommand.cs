using System.CommandLine;
using TrueLive.Media.Files;
using TrueLive.Probe.Recordings;
using TrueLive.Probe.Reports;

namespace TrueLive.Cli;

/// <summary><c>truelive probe record</c>: measures recordings, which can show less than a live probe.</summary>
internal static class ProbeRecordCommand
{
    public static Command Make()
    {
        var files = new Argument<string[]>("files") { Description = "OUT, or IN and OUT on one clock.", Arity = new ArgumentArity(1, 2) };
        var to = new Option<string?>("--out") { Description = "Folder for the report [probe-record]." };
        var threads = new Option<int>("--threads") { Description = "Threads of the analysis.", DefaultValueFactory = _ => 2 };
        var record = new Command("record", "Analyse recordings: OUT alone (loops, clip boundaries, cadence; never a tier), or IN and OUT.")
            { files, to, threads };
        record.SetAction(async (parsed, cancel) =>
        {
            try
            {
                var paths = parsed.GetValue(files)!;
                var output = await RecordingAnalysis.ReadAsync(paths[^1], cancel).ConfigureAwait(false);
                var input = paths.Length > 1 ? await RecordingAnalysis.ReadAsync(paths[0], cancel).ConfigureAwait(false) : null;
                var (found, verdict) = input is null
                    ? RecordingAnalysis.Output(output)
                    : RecordingAnalysis.Pair(input, output, Math.Clamp(parsed.GetValue(threads), 1, 64), cancel);
                var folder = parsed.GetValue(to) ?? "probe-record";
                RunFolder.WriteRecording(folder, string.Join(" and ", paths.Select(Path.GetFileName)), input is null ? "E1" : "E2",
                    TimeProvider.System.GetUtcNow(), output, found, verdict);
                Console.WriteLine(verdict.Sentence);
                Console.WriteLine($"Report: {Path.Combine(folder, "report.html")}");
                return 0;
            }
            catch (Exception e) when (e is MediaException or IOException or UnauthorizedAccessException)
            {
                await Console.Error.WriteLineAsync(e.Message).ConfigureAwait(false);
                return 1;
            }
        });
        return record;
    }
}
