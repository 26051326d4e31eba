using System.CommandLine;
using TrueLive.Probe;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Reports;

namespace TrueLive.Cli;

/// <summary>Commands on finished reports: verify, compare, schema.</summary>
internal static class ProbeReportCommands
{
    private const long MaxReport = 64L << 20;

    public static Command Verify()
    {
        var path = new Argument<string>("report") { Description = "report.json with the files of its run beside it." };
        var threads = new Option<int>("--threads") { Description = "Threads of the analysis.", DefaultValueFactory = _ => 2 };
        var verify = new Command("verify",
            "Recompute codes and numbers from the revealed seed and the raw data. Exit code 0: all match; 1: something differs; 2: " +
            "cannot be checked.") { path, threads };
        verify.SetAction((parsed, cancel) => Task.Run(() => Guard(() =>
        {
            var lines = Verification.Run(parsed.GetValue(path)!,
                new AnalysisEffort(Threads: Math.Clamp(parsed.GetValue(threads), 1, 64)), cancel);
            foreach (var line in lines)
                Console.WriteLine($"{(line.Matches ? "same     " : "DIFFERENT")}  {line.What,-22} {line.Detail}");
            var wrong = lines.Count(l => !l.Matches);
            Console.WriteLine(wrong == 0 ? $"All {lines.Count} checks match." : $"{wrong} of {lines.Count} checks differ.");
            return wrong == 0 ? 0 : 1;
        }), cancel));
        return verify;
    }

    public static Command Compare()
    {
        var paths = new Argument<string[]>("reports") { Description = "Two or more report.json.", Arity = new ArgumentArity(2, 50) };
        var to = new Option<string>("--out") { Description = "The page to write.", DefaultValueFactory = _ => "comparison.html" };
        var compare = new Command("compare",
            "Put runs on one page with their intervals; runs that are not comparable are not ranked (exit code 1).") { paths, to };
        compare.SetAction(parsed => Guard(() =>
        {
            var comparison = Comparison.Of([.. parsed.GetValue(paths)!.Select(p => (Name(p), Read(p)))]);
            File.WriteAllText(parsed.GetValue(to)!, comparison.Page());
            foreach (var obstacle in comparison.Obstacles)
                Console.WriteLine("Not ranked: " + obstacle);
            Console.WriteLine(parsed.GetValue(to));
            return comparison.Obstacles.Count == 0 ? 0 : 1;
        }));
        return compare;

        static string Name(string path) => Path.GetFileName(Path.GetDirectoryName(Path.GetFullPath(path))) ?? path;
    }

    public static Command Schema()
    {
        var schema = new Command("schema", "Print the JSON schema of report.json.");
        schema.SetAction(_ => Console.WriteLine(ProbeReport.JsonSchema().ToJsonString(ProbeReport.Json)));
        return schema;
    }

    /// <exception cref="FormatException">The file is not a report.</exception>
    public static ProbeReport Read(string path)
    {
        if (!File.Exists(path))
            throw new FormatException($"{path} does not exist.");
        if (new FileInfo(path).Length > MaxReport)
            throw new FormatException($"{path} is larger than 64 MiB; that is no report.");
        try
        {
            return ProbeReport.Read(File.ReadAllBytes(path));
        }
        catch (FormatException e)
        {
            throw new FormatException($"{path}: {e.Message}", e);
        }
    }

    public static int Guard(Func<int> run)
    {
        try
        {
            return run();
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return 2;
        }
    }
}
