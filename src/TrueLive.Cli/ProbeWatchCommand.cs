using System.CommandLine;
using System.Data.Common;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using TrueLive.Probe;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Watch;

namespace TrueLive.Cli;

/// <summary><c>truelive probe watch</c> and <c>truelive probe history</c>: measures on a schedule and shows what came out.</summary>
internal static class ProbeWatchCommand
{
    private static readonly TimeSpan LastDelivery = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan OldestMessage = TimeSpan.FromDays(1);

    private static readonly Option<string?> Folder = new("--folder")
    { Description = "Where history, page and reports lie [watch in the data folder]." };

    private static readonly Option<string?> Database = new("--database-env")
    { Description = "Environment variable that holds the connection string of a PostgreSQL database for the history [a SQLite file]." };

    private static readonly Option<string> Every = new("--every")
    { Description = "From the beginning of a run to that of the next: 90s, 10m, 6h.", DefaultValueFactory = _ => "10m" };

    private static readonly Option<string> Place = new("--place")
    { Description = "Where this probe stands, for the history.", DefaultValueFactory = _ => Environment.MachineName };

    private static readonly Option<string?> Webhook = new("--webhook")
    {
        Description = "Who is told when a rule that was met is met no more, and when it is again: a file, or an environment variable, that "
            + "holds the address.",
    };

    private static readonly Option<int> AlertAfter = new("--alert-after")
    { Description = "Results in a row after which a rule counts as broken, or as met again.", DefaultValueFactory = _ => 2 };

    private static readonly Option<int> KeepRuns = new("--keep-runs")
    { Description = "Runs that the history keeps of a target and place.", DefaultValueFactory = _ => 13_000 };

    private static readonly Option<int> KeepReports = new("--keep-reports")
    { Description = "Reports that are kept in the folder; those of glances have about 4 MB.", DefaultValueFactory = _ => 50 };

    private static readonly Option<int?> Runs = new("--runs") { Description = "End after so many runs [when it is stopped]." };

    public static Command Watch()
    {
        var watch = new Command("watch", """
            Measure again and again, keep a history, write a status page, and tell a webhook when a requirement is met no more.

            Examples:
              truelive probe watch truelive http://localhost:8080 --every 10m
              HOOK=https://host/secret truelive probe watch whip https://host/whip --require need.yaml --webhook HOOK
            """);
        foreach (var kind in ProbeTargetCommands.All(Again(new ProbeOptions(again: true))))
            watch.Subcommands.Add(kind);
        return watch;
    }

    public static Command History()
    {
        var csv = new Option<string?>("--csv") { Description = "Write all runs to this file as CSV; - for standard output." };
        var history = new Command("history", "What watches have measured: writes the status page, and CSV.") { Folder, Database, csv };
        history.SetAction((parsed, stop) => GuardAsync(async () =>
        {
            var folder = FolderOf(parsed);
            await using var kept = await OpenAsync(parsed, folder, stop).ConfigureAwait(false);
            await WatchPage.WriteAsync(kept, folder, TimeProvider.System.GetUtcNow(), stop).ConfigureAwait(false);
            if (parsed.GetValue(csv) is not { } file)
            {
                Console.WriteLine(Path.Combine(folder, WatchPage.File));
                return 0;
            }
            var to = file == "-" ? Console.Out : new StreamWriter(file);
            await using (to.ConfigureAwait(false))
            {
                var runs = new List<WatchRun>();
                foreach (var (series, _) in await kept.SeriesAsync(stop).ConfigureAwait(false))
                    runs.AddRange(await kept.RunsAsync(series, int.MaxValue, stop).ConfigureAwait(false));
                await WatchCsv.WriteAsync(to, runs).ConfigureAwait(false);
            }
            return 0;
        }));
        return history;
    }

    private static TargetUse Again(ProbeOptions shared) => (command, open) =>
    {
        shared.AddTo(command);
        foreach (var option in new Option[] { Every, Place, Folder, Database, Webhook, AlertAfter, KeepRuns, KeepReports, Runs })
            command.Options.Add(option);
        command.SetAction((parsed, stop) => GuardAsync(() => RunAsync(parsed, shared, open(parsed), stop)));
    };

    private static async Task<int> RunAsync(ParseResult parsed, ProbeOptions shared, NamedTarget target, CancellationToken stop)
    {
        var probe = shared.Read(parsed, TimeProvider.System);
        var folder = FolderOf(parsed);
        var series = new WatchSeries(await target.DescribeAsync().ConfigureAwait(false), Named(parsed.GetValue(Place)!));
        var options = new WatchOptions
        {
            Series = series,
            Every = Interval(parsed.GetValue(Every)!),
            Profile = probe.Profile.Name,
            Folder = folder,
            Requirements = probe.Requirements,
            AlertAfter = AtLeastOne(parsed.GetValue(AlertAfter), AlertAfter),
            KeepRuns = AtLeastOne(parsed.GetValue(KeepRuns), KeepRuns),
            KeepReports = AtLeastOne(parsed.GetValue(KeepReports), KeepReports),
            Runs = parsed.GetValue(Runs) is { } runs ? AtLeastOne(runs, Runs) : null,
            Longest = target.Longest(probe.Profile) + 2 * (probe.Trials?.Longest ?? TimeSpan.Zero),
        };
        var address = Address(parsed.GetValue(Webhook));
        using var hosts = new OutboundHosts(address is null ? [] : [address.IdnHost.Trim('[', ']')], "--webhook");
        await using var history = await OpenAsync(parsed, folder, stop).ConfigureAwait(false);
        using var alone = SeriesLock.Take(folder, series);
        await history.GiveUpAsync(series, TimeProvider.System.GetUtcNow() - OldestMessage, stop).ConfigureAwait(false);
        var delivery = address is null ? null : new AlertDelivery(series, history,
            (body, cancel) => PostAsync(hosts, address, body, cancel),
            cancel => WatchPage.WriteAsync(history, folder, TimeProvider.System.GetUtcNow(), cancel), TimeProvider.System, Say);
        var watcher = new Watcher(options, history, delivery, (to, cancel) =>
            target.MeasureAsync(probe with { Folder = to, Seed = ProbeSeed.Create() }, null, null, cancel), TimeProvider.System, Say);
        Say($"Watching {series.Target} from {series.Place} every {parsed.GetValue(Every)}; page: {Path.Combine(folder, WatchPage.File)}");
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var delivering = delivery?.RunAsync(rest: false, over.Token) ?? Task.CompletedTask;
        var lost = await watcher.RunAsync(stop).ConfigureAwait(false);
        await over.CancelAsync().ConfigureAwait(false);
        await delivering.ConfigureAwait(false);
        if (delivery is not null)
        {
            using var last = new CancellationTokenSource(LastDelivery);
            await delivery.RunAsync(rest: true, last.Token).ConfigureAwait(false);
        }
        if (lost > 0)
            Say($"{lost} runs could not be kept: the history could not be written to the end.");
        return lost > 0 ? 1 : 0;
    }

    private static async Task<HttpStatusCode> PostAsync(OutboundHosts hosts, Uri address, string body, CancellationToken cancel)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address)
        { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        using var answer = await hosts.SendAsync(request, cancel).ConfigureAwait(false);
        return answer.StatusCode;
    }

    private static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run().ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            return 0;
        }
        catch (Exception e) when (e is TargetException or FormatException or IOException or UnauthorizedAccessException or DbException
            or SocketException)
        {
            Say(e.Message);
            return 1;
        }
    }

    private static string FolderOf(ParseResult parsed)
    {
        var folder = Path.GetFullPath(parsed.GetValue(Folder) ?? Path.Combine(OptionsReader.Read(
            File.Exists("truelive.yaml") ? "truelive.yaml" : null, Environment.GetEnvironmentVariables(), new Dictionary<string, string>())
            .DataPath, "watch"));
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return folder;
    }

    private static Task<WatchHistory> OpenAsync(ParseResult parsed, string folder, CancellationToken stop) =>
        parsed.GetValue(Database) is { } variable
            ? WatchHistory.OpenPostgresAsync(Held(variable, "--database-env"), stop)
            : WatchHistory.OpenSqliteAsync(Path.Combine(folder, "history.db"), stop);

    private static Uri? Address(string? named)
    {
        if (named is null)
            return null;
        if (named.Contains("://", StringComparison.Ordinal))
            throw new FormatException("--webhook takes a file, or the name of an environment variable, that holds the address: on a " +
                "command line everybody on this machine could read it.");
        var text = (File.Exists(named) ? File.ReadAllText(named) : Held(named, "--webhook")).Trim();
        return Uri.TryCreate(text, UriKind.Absolute, out var address) && address.Scheme is "http" or "https" && address.UserInfo.Length == 0
            ? address
            : throw new FormatException($"--webhook {named} holds no http or https address without a password in it.");
    }

    private static string Held(string variable, string flag) => Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value
        ? value
        : throw new FormatException($"{flag}: the environment variable {variable} is not set.");

    /// <exception cref="FormatException">It is no time of 10 seconds to 7 days.</exception>
    internal static TimeSpan Interval(string text)
    {
        var unit = text.Length > 1 ? text[^1] switch { 's' => 1, 'm' => 60, 'h' => 3600, 'd' => 86_400, _ => 0 } : 0;
        return unit > 0 && double.TryParse(text[..^1], NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number)
            && number * unit is >= 10 and <= 604_800
            ? TimeSpan.FromSeconds(number * unit)
            : throw new FormatException($"--every {text} is not usable; write 90s, 10m, 6h or 1d, from 10 seconds to 7 days.");
    }

    private static string Named(string place) => place.Length is > 0 and <= 100 && !place.Any(char.IsControl) ? place
        : throw new FormatException("--place is a name of 1 to 100 characters.");

    private static int AtLeastOne(int number, Option option) => number >= 1 ? number
        : throw new FormatException($"{option.Name} must be 1 or more.");

    private static void Say(string words) => Console.Error.WriteLine(ProbeDisplay.Shown(words));
}
