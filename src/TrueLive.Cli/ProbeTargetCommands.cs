using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using TrueLive.Probe;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Targets;

namespace TrueLive.Cli;

/// <summary>The live targets of <c>truelive probe</c>.</summary>
internal static class ProbeTargetCommands
{
    public static Command Null(ProbeOptions shared)
    {
        var delay = new Option<double>("--delay") { Description = "Milliseconds to insert." };
        return Live(shared, "null", "The probe's own echo: measures the instrument.", [delay],
            parsed => new NullTarget(TimeProvider.System, TimeSpan.FromMilliseconds(Math.Clamp(parsed.GetValue(delay), 0, 20_000))));
    }

    public static Command Page(ProbeOptions shared)
    {
        var file = new Argument<string>("file") { Description = "Adapter script: exports connect(stream, probe), perhaps prompt(text). Ready ones are in samples/probe." };
        var variable = new Option<string[]>("--var") { Description = "NAME=VALUE for the adapter (probe.variables.NAME); keys come from the environment variables that it names." };
        var browser = new Option<string>("--browser") { Description = "Chromium.", DefaultValueFactory = _ => "chromium" };
        var patience = new Option<double>("--connect-seconds") { Description = "How long connecting may take.", DefaultValueFactory = _ => 60 };
        return Live(shared, "page", "Any system that a browser can reach, through an adapter script.", [file, variable, browser, patience], parsed =>
        {
            var variables = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var pair in (parsed.GetValue(variable) ?? []).Select(v => v.Split('=', 2)))
                variables[pair[0]] = pair.Length == 2 ? pair[1] : throw new FormatException($"--var {pair[0]}: write NAME=VALUE.");
            return new PageTarget(parsed.GetValue(file)!, parsed.GetValue(browser)!, variables, TimeProvider.System, TimeSpan.FromSeconds(Math.Clamp(parsed.GetValue(patience), 1, 600)));
        });
    }

    /// <summary>A command that measures a live target. Exit code 0 for a report of a whole valid run, 1 for an error, 3 for an incomplete or invalid run.</summary>
    private static Command Live(ProbeOptions shared, string name, string description, Symbol[] own, Func<ParseResult, IProbeTarget> open)
    {
        var command = new Command(name, description);
        foreach (var symbol in own)
        {
            if (symbol is Argument argument)
                command.Arguments.Add(argument);
            else
                command.Options.Add((Option)symbol);
        }
        shared.AddTo(command);
        command.SetAction(async (parsed, stop) =>
        {
            var show = ProbeDisplay.For(parsed.GetValue(shared.Progress)!);
            try
            {
                var options = shared.Read(parsed, TimeProvider.System);
                await using var target = open(parsed);
                var report = await show.RunAsync((say, progress) => ProbeSession.RunAsync(target, options, TimeProvider.System, say, progress, stop)).ConfigureAwait(false);
                show.Done(report, options.Folder);
                return report.Run.Incomplete || report.Run.Validity != "VALID" ? 3 : 0;
            }
            catch (OperationCanceledException)
            {
                show.Error("Stopped before anything was measured.");
                return 3;
            }
            catch (Exception e) when (e is TargetException or FormatException or IOException or UnauthorizedAccessException)
            {
                show.Error(e.Message);
                return 1;
            }
        });
        return command;
    }
}

/// <summary>How a run is shown while it goes on.</summary>
internal abstract class ProbeDisplay
{
    public static ProbeDisplay For(string kind) => kind switch
    {
        "json" => new JsonLines(),
        "off" => new Quiet(),
        "plain" => new Plain(),
        "auto" => Console.IsOutputRedirected ? new Plain() : new Live(),
        _ => throw new FormatException($"--progress {kind} is not known; allowed: auto, plain, json, off."),
    };

    public abstract Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run);

    public virtual void Done(ProbeReport report, string folder)
    {
        Console.WriteLine(report.Verdict.Sentence);
        Console.WriteLine($"Report: {Path.Combine(folder, "report.html")}");
    }

    public virtual void Error(string message) => Console.Error.WriteLine(message);

    private static string Line(ProbeProgress p) => FormattableString.Invariant(
        $"{p.Phase,-8} {p.Seconds,5:0} of {p.Total:0} s   sends {p.Sends}   {p.Received} frames came back   {p.Estimate}");

    private sealed class Reporter(Action<ProbeProgress> show) : IProgress<ProbeProgress>
    {
        public void Report(ProbeProgress value) => show(value);
    }

    private sealed class Quiet : ProbeDisplay
    {
        public override Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run) =>
            run(_ => { }, new Reporter(_ => { }));
    }

    private sealed class Plain : ProbeDisplay
    {
        private double _next;

        public override Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run) => run(Console.Error.WriteLine, new Reporter(p =>
        {
            if (p.Seconds < _next)
                return;
            _next = p.Seconds + 10;
            Console.Error.WriteLine(Line(p));
        }));
    }

    private sealed class JsonLines : ProbeDisplay
    {
        private static readonly JsonSerializerOptions Form = new(JsonSerializerDefaults.Web);

        public override Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run) => run(
            text => Write(new { kind = "note", text }),
            new Reporter(p => Write(new
            {
                kind = "progress",
                phase = p.Phase.ToString().ToLowerInvariant(),
                sends = p.Sends,
                seconds = Math.Round(p.Seconds, 1),
                total = Math.Round(p.Total, 1),
                received = p.Received,
                estimate = p.Estimate,
            })));

        public override void Done(ProbeReport report, string folder) => Write(new
        {
            kind = "done",
            folder = Path.GetFullPath(folder),
            tier = report.Verdict.Tier,
            sentence = report.Verdict.Sentence,
            validity = report.Run.Validity,
            incomplete = report.Run.Incomplete,
        });

        public override void Error(string message) => Write(new { kind = "error", text = message });

        private static void Write<T>(T value)
        {
            Console.Out.WriteLine(JsonSerializer.Serialize(value, Form));
            Console.Out.Flush();
        }
    }

    private sealed class Live : ProbeDisplay
    {
        public override Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run) => AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                var bar = context.AddTask("connecting", maxValue: 1);
                return run(
                    text => AnsiConsole.MarkupLineInterpolated($"[grey]{text}[/]"),
                    new Reporter(p =>
                    {
                        bar.MaxValue = Math.Max(p.Total, 1);
                        bar.Value = p.Seconds;
                        bar.Description = $"[bold]{p.Phase}[/]: {Markup.Escape(p.Sends)}" + (p.Estimate is { } e ? $"\n[blue]{Markup.Escape(e)}[/]" : "");
                    }));
            });
    }
}
