using System.CommandLine;
using TrueLive.Probe;
using TrueLive.Probe.Clips;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;
using TrueLive.Watch;
using TrueLive.WebRtc.Whip;

namespace TrueLive.Cli;

/// <summary>A target that a command line names.</summary>
/// <param name="DescribeAsync">How reports name it.</param>
/// <param name="MeasureAsync">Makes one run.</param>
/// <param name="Longest">How long a run may take, without trials.</param>
internal sealed record NamedTarget(
    Func<Task<string>> DescribeAsync,
    Func<ProbeSessionOptions, Action<string>?, IProgress<ProbeProgress>?, CancellationToken, Task<Measurement>> MeasureAsync,
    Func<ProbeProfile, TimeSpan> Longest);

/// <summary>Gives a command its action and the flags that go with it.</summary>
/// <param name="command">The command with the arguments and options of its target.</param>
/// <param name="open">Reads the target; throws <see cref="FormatException"/> if it cannot be used.</param>
internal delegate void TargetUse(Command command, Func<ParseResult, NamedTarget> open);

/// <summary>The kinds of targets of <c>truelive probe</c> and <c>truelive probe watch</c>.</summary>
internal static class ProbeTargetCommands
{
    // Beyond what a run itself takes: connecting, and the analysis on a slow machine.
    private static readonly TimeSpan Around = TimeSpan.FromMinutes(20);

    /// <summary>A command for each kind.</summary>
    public static Command[] All(TargetUse use) => [Null(use), TrueLive(use), Whip(use), Stream(use), Page(use), Clips(use)];

    private static Command Null(TargetUse use)
    {
        var delay = new Option<double>("--delay") { Description = "Milliseconds to insert." };
        return Live(use, "null", "The probe's own echo: measures the instrument.", [delay],
            parsed => new NullTarget(TimeProvider.System, TimeSpan.FromMilliseconds(Math.Clamp(parsed.GetValue(delay), 0, 20_000))));
    }

    private static Command Page(TargetUse use)
    {
        var file = new Argument<string>("page")
        {
            Description = "An https address, or an adapter script that exports connect(stream, probe), perhaps prompt(text); ready ones " +
                "are in samples/probe.",
        };
        var variable = new Option<string[]>("--var")
        { Description = "NAME=VALUE for the adapter (probe.variables.NAME); keys come from the environment variables that it names." };
        var output = new Option<string?>("--output")
        { Description = "For an address: the element that shows the answer, as a CSS selector [the largest beside the camera's own]." };
        var click = new Option<string[]>("--click") { Description = "For an address: what to click, in this order." };
        var field = new Option<string?>("--prompt-field") { Description = "For an address: where a prompt is written." };
        var button = new Option<string?>("--prompt-button") { Description = "For an address: what sends a prompt [the Enter key]." };
        var browser = new Option<string>("--browser") { Description = "Chromium.", DefaultValueFactory = _ => "chromium" };
        var bare = new Option<bool>("--no-sandbox")
        {
            Description = "Run Chromium without its sandbox, which it does not have for root: for pages that you trust with " +
            "this machine."
        };
        var megabytes = new Option<long>("--megabytes")
        { Description = "Memory that the browser may take; beyond it the run ends.", DefaultValueFactory = _ => 4096 };
        var patience = ConnectSeconds(60);
        return Live(use, "page", "Any system that a browser can reach, by its address or through an adapter script.",
            [file, output, click, field, button, variable, browser, bare, megabytes, patience], parsed =>
        {
            var chromium = new BrowserOptions
            {
                Browser = parsed.GetValue(browser)!,
                Patience = Seconds(parsed, patience),
                WithoutSandbox = parsed.GetValue(bare),
                Megabytes = Math.Clamp(parsed.GetValue(megabytes), 512, 1 << 20),
            };
            var site = new SiteOptions
            {
                Output = parsed.GetValue(output),
                Clicks = parsed.GetValue(click) ?? [],
                PromptField = parsed.GetValue(field),
                PromptButton = parsed.GetValue(button),
            };
            var variables = new SortedDictionary<string, string>(StringComparer.Ordinal);
            foreach (var pair in (parsed.GetValue(variable) ?? []).Select(v => v.Split('=', 2)))
                variables[pair[0]] = pair.Length == 2 ? pair[1] : throw new FormatException($"--var {pair[0]}: write NAME=VALUE.");
            if (Uri.TryCreate(parsed.GetValue(file), UriKind.Absolute, out var address) && address.Scheme is "http" or "https")
                return variables.Count == 0 ? new SiteTarget(address, site, chromium, TimeProvider.System)
                    : throw new FormatException("--var is for adapter scripts; an address takes --output, --click and --prompt-field.");
            return site.Output is null && site.PromptField is null && site.PromptButton is null && site.Clicks.Count == 0
                ? new PageTarget(parsed.GetValue(file)!, chromium, variables, TimeProvider.System)
                : throw new FormatException("--output, --click, --prompt-field and --prompt-button are for addresses; an adapter script " +
                    "does that itself.");
        });
    }

    private static Option<double> ConnectSeconds(double most) =>
        new("--connect-seconds") { Description = "How long connecting may take.", DefaultValueFactory = _ => most };

    private static TimeSpan Seconds(ParseResult parsed, Option<double> option) =>
        TimeSpan.FromSeconds(Math.Clamp(parsed.GetValue(option), 1, 600));

    private static Command Whip(TargetUse use) =>
        Native(use, "whip", "Any WHIP endpoint that sends video back in the same connection; no prompts.", false);

    private static Command TrueLive(TargetUse use) =>
        Native(use, "truelive", "A TrueLive server, with prompts through its API.", true);

    private static Command Native(TargetUse use, string name, string description, bool isTrueLive)
    {
        var url = new Argument<string>("url") { Description = isTrueLive ? "Address of the server." : "WHIP endpoint." };
        var key = new Option<string?>("--bearer-env") { Description = "Environment variable that holds the bearer token." };
        var insert = new Option<double>("--insert-delay")
        { Description = "Milliseconds for which each frame that comes back is held: a known difference to check the probe by." };
        var reach = new Option<WhipReach>("--reach")
        {
            Description = "How far the server may lead the probe: any; host, the server itself and public addresses; public, public " +
                "addresses only. For runs on behalf of others.",
        };
        var patience = ConnectSeconds(30);
        return Live(use, name, description, [url, key, insert, reach, patience], parsed =>
        {
            if (!Uri.TryCreate(parsed.GetValue(url), UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
                throw new FormatException($"'{parsed.GetValue(url)}' is not an http or https address.");
            var variable = parsed.GetValue(key);
            var token = variable is null ? null : Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value ? value
                : throw new FormatException($"--bearer-env: the environment variable {variable} is not set.");
            return new WhipTarget(address, isTrueLive, token, TimeProvider.System,
                TimeSpan.FromMilliseconds(Math.Clamp(parsed.GetValue(insert), 0, 20_000)), parsed.GetValue(reach),
                Seconds(parsed, patience));
        });
    }

    private static Command Stream(TargetUse use)
    {
        var send = new Option<string>("--send")
        {
            Description = "Where the service takes a stream: rtmp(s)://HOST/APP/KEY, srt://HOST:PORT, srt://:PORT?mode=listener, " +
                "rtsp://HOST/PATH, udp://HOST:PORT. @FILE with --send ADDRESS in it keeps keys out of " +
                "the shell's history; while a run lasts, everybody on this machine can see them.",
            Required = true,
        };
        var receive = new Option<string>("--receive")
        {
            Description = "Where it gives one back: the same, or HLS at http(s)://HOST/PATH.m3u8.",
            Required = true,
        };
        var patience = ConnectSeconds(60);
        return Live(use, "stream", "A service that takes a stream at one address and gives one back at another: RTMP, SRT, RTSP, HLS.",
            [send, receive, patience], parsed => new StreamTarget(
                parsed.GetValue(send)!, parsed.GetValue(receive)!, TimeProvider.System, Seconds(parsed, patience)));
    }

    private static Command Clips(TargetUse use)
    {
        var file = new Argument<string>("file") { Description = "YAML description of the service; common shapes are in samples/probe." };
        var clips = new Command("clips",
            "A service that makes clips on request: how long a clip takes, and whether prompt and picture change it.") { file };
        use(clips, parsed =>
        {
            var path = parsed.GetValue(file)!;
            var service = ClipApi.Read(path, File.ReadAllText(path));
            return new NamedTarget(() => Task.FromResult("clips " + service.Name), async (options, say, _, stop) =>
                new Measurement(await ClipProbe.RunAsync(service, options, TimeProvider.System, say, stop).ConfigureAwait(false), null),
                profile => ClipProbe.Longest(service, profile) + Around);
        });
        return clips;
    }

    private static Command Live(TargetUse use, string name, string description, Symbol[] own, Func<ParseResult, IProbeTarget> open)
    {
        var command = new Command(name, description);
        foreach (var symbol in own)
        {
            if (symbol is Argument argument)
                command.Arguments.Add(argument);
            else
                command.Options.Add((Option)symbol);
        }
        use(command, parsed => new NamedTarget(
            async () =>
            {
                await using var target = open(parsed);
                return target.Description;
            },
            async (options, say, progress, stop) =>
            {
                await using var timed = new TimedTarget(Heard(open(parsed), say), TimeProvider.System);
                if (options.Trials is { } trials)
                    options = options with { Trials = trials with { Open = () => Heard(open(parsed), say) } };
                var report = await ProbeSession.RunAsync(timed, options, TimeProvider.System, say, progress, stop).ConfigureAwait(false);
                return new Measurement(report, timed.StartUp);
            },
            profile => TimeSpan.FromSeconds(3 * profile.Seconds) + Around));
        return command;
    }

    private static IProbeTarget Heard(IProbeTarget target, Action<string>? say)
    {
        if (target is BrowserTarget page)
            page.Heard = say;
        if (target is WhipTarget whip)
            whip.Heard = say;
        return target;
    }

    /// <summary>
    /// Measures a target once. Exit code 0 for a complete, valid run whose verdict names a tier, 1 for an error, 3 for a run that is
    /// incomplete, invalid or inconclusive.
    /// </summary>
    public static TargetUse Once(ProbeOptions shared) => (command, open) =>
    {
        shared.AddTo(command);
        command.SetAction(async (parsed, stop) =>
        {
            var show = ProbeDisplay.For(parsed.GetValue(shared.Progress)!);
            return await GuardAsync(show, async () =>
            {
                var options = shared.Read(parsed, TimeProvider.System);
                var target = open(parsed);
                return (options.Folder, await show.RunAsync(async (say, progress) =>
                    (await target.MeasureAsync(options, say, progress, stop).ConfigureAwait(false)).Report).ConfigureAwait(false));
            }).ConfigureAwait(false);
        });
    };

    private static async Task<int> GuardAsync(ProbeDisplay show, Func<Task<(string Folder, ProbeReport Report)>> run)
    {
        try
        {
            var (folder, report) = await run().ConfigureAwait(false);
            show.Done(report, folder);
            return report.Run.Incomplete || report.Run.Validity != "VALID" || report.Verdict.Tier == TierVerdict.Text(TierLabel.NotProven)
                ? 3
                : 0;
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
    }
}
