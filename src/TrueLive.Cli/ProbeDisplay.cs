using System.Text.Json;
using Spectre.Console;
using TrueLive.Probe;
using TrueLive.Probe.Reports;

namespace TrueLive.Cli;

/// <summary>Shows the progress of a run.</summary>
internal abstract class ProbeDisplay
{
    public static ProbeDisplay For(string kind) => kind switch
    {
        "json" => new JsonLines(),
        "off" => new Quiet(),
        "plain" => new Plain(),
        _ => Console.IsOutputRedirected ? new Plain() : new Live(),
    };

    public abstract Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run);

    public virtual void Done(ProbeReport report, string folder)
    {
        Console.WriteLine(report.Verdict.Sentence);
        foreach (var trial in report.Trials)
            Console.WriteLine($"{trial.Trial}: {Shown(trial.Sentence)}");
        Console.WriteLine($"Report: {Path.Combine(folder, "report.html")}");
    }

    public virtual void Error(string message) => Console.Error.WriteLine(Shown(message));

    // Text from a server or a page must not control the terminal.
    internal static string Shown(string text) => string.Concat(text.Select(c => char.IsControl(c) && c != '\n' ? '\uFFFD' : c));

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

        public override Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run) =>
            run(text => Console.Error.WriteLine(Shown(text)), new Reporter(p =>
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
                picture = p.Picture,
            })));

        public override void Done(ProbeReport report, string folder) => Write(new
        {
            kind = "done",
            folder = Path.GetFullPath(folder),
            tier = report.Verdict.Tier,
            nature = report.Verdict.Nature,
            sentence = report.Verdict.Sentence,
            validity = report.Run.Validity,
            incomplete = report.Run.Incomplete,
            trials = report.Trials,
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
        public override Task<ProbeReport> RunAsync(Func<Action<string>, IProgress<ProbeProgress>, Task<ProbeReport>> run) =>
            AnsiConsole.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
                new RemainingTimeColumn())
            .StartAsync(context =>
            {
                var bar = context.AddTask("connecting", maxValue: 1);
                return run(
                    text => AnsiConsole.MarkupLineInterpolated($"[grey]{Shown(text)}[/]"),
                    new Reporter(p =>
                    {
                        bar.MaxValue = Math.Max(p.Total, 1);
                        bar.Value = p.Seconds;
                        bar.Description = $"[bold]{p.Phase}[/]: {Markup.Escape(p.Sends)}"
                            + (p.Estimate is { } e ? $"\n[blue]{Markup.Escape(e)}[/]" : "");
                    }));
            });
    }
}
