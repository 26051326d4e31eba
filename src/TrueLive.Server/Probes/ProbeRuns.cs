using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Probes;

/// <summary>
/// Runs the probe for clients, one run at a time, as a child of this program at low priority. A key reaches the child in its environment
/// only. Reports are kept in the data folder for a day, at most <see cref="MaxKept"/> of them. Thread-safe.
/// </summary>
internal sealed partial class ProbeRuns(ServerOptions options, ApiKeyRing ring, TimeProvider time, ILogger<ProbeRuns> logger)
    : IAsyncDisposable
{
    /// <summary>Reports kept; beyond this the oldest report of the owner who has the most is deleted.</summary>
    public const int MaxKept = 20;

    private const int MaxWaiting = 1000;
    private const long MaxBytes = 2L << 30;
    private const string KeyVariable = "TRUELIVE_PROBE_KEY";
    private static readonly TimeSpan Kept = TimeSpan.FromDays(1);

    // For this long after a run, only clients that were refused during it may start the next one.
    private static readonly TimeSpan Turn = TimeSpan.FromMinutes(5);

    private static readonly Dictionary<string, TimeSpan> Limits = new()
    {
        ["glance"] = TimeSpan.FromMinutes(5),
        ["quick"] = TimeSpan.FromMinutes(12),
        ["standard"] = TimeSpan.FromMinutes(40),
        ["deep"] = TimeSpan.FromMinutes(100),
    };

    private readonly ConcurrentDictionary<string, ProbeJob> _jobs = new();
    private readonly OutboundHosts _hosts = new(options.ProbeHosts, "probe_hosts");
    private readonly Lock _one = new();
    private readonly HashSet<string> _waiting = [];
    private ProbeJob? _last;
    private long _ended;
    private Task _running = Task.CompletedTask;

    private string Root => Path.Combine(options.DataPath, "probes");

    /// <summary>Newest first.</summary>
    public IReadOnlyList<ProbeJob> All => [.. _jobs.Values.OrderByDescending(j => j.Look().View.Created)];

    /// <summary>The owner's run with this id, or null.</summary>
    public ProbeJob? Find(string id, string owner) => _jobs.GetValueOrDefault(id) is { } job && job.Owner == owner ? job : null;

    /// <summary>Begins a run.</summary>
    /// <param name="owner">Whose run it is.</param>
    /// <param name="target"><c>self</c>, <c>echo</c> for the probe's own echo, or an http(s) address.</param>
    /// <param name="own">Address of this server, for <c>self</c>.</param>
    /// <param name="profile">glance, quick, standard or deep.</param>
    /// <param name="key">Key of the target, for <c>self</c> the client's own; never stored.</param>
    /// <exception cref="RequestRefusedException">Bad target or profile (422), another run, or other clients' turn (409).</exception>
    public ProbeJob Begin(string owner, string? target, string own, string? profile, string? key)
    {
        profile = string.IsNullOrEmpty(profile) ? "quick" : profile;
        if (!Limits.TryGetValue(profile, out var limit))
            throw new RequestRefusedException(422, $"There is no profile '{profile}'; choose {string.Join(", ", Limits.Keys)}.");
        if (key?.Length > 512)
            throw new RequestRefusedException(422, "The key is longer than 512 characters.");
        string[] command = target switch
        {
            null or "" or "self" => ["truelive", own],
            "echo" => ["null"],
            _ => Elsewhere(target),
        };
        lock (_one)
        {
            TakeTurn(owner);
            Forget();
            var now = time.GetUtcNow();
            var id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
            var job = new ProbeJob(id, owner, target is null or "" ? "self" : target, profile, Path.Combine(Root, id), now, now + Kept);
            var arguments = new List<string>(["probe", .. command, "--profile", profile, "--out", job.Folder, "--progress", "json"]);
            if (!string.IsNullOrEmpty(key) && command[0] != "null")
                arguments.AddRange(["--bearer-env", KeyVariable]);
            _jobs[id] = _last = job;
            _running = Task.Run(() => RunAsync(job, arguments, key, limit));
            return job;
        }
    }

    /// <summary>Stops a run, or forgets an ended one with its files.</summary>
    public void Remove(ProbeJob job)
    {
        if (job.State == ProbeState.Running)
        {
            job.Cancel.Cancel();
            return;
        }
        _jobs.TryRemove(job.Id, out _);
        Delete(job.Folder);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var job in _jobs.Values)
            await job.Cancel.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _hosts.Dispose();
        foreach (var job in _jobs.Values)
            job.Cancel.Dispose();
    }

    // Clients that were refused come before the one that had the last run, so that nobody can occupy the probe for good.
    private void TakeTurn(string owner)
    {
        if (_last is { State: ProbeState.Running })
        {
            if (owner == _last.Owner)
                throw new RequestRefusedException(409,
                    "A probe of yours is running. It takes the whole line to measure well, so only one runs at a time; cancel it or wait.");
            if (_waiting.Count < MaxWaiting)
                _waiting.Add(owner);
            throw new RequestRefusedException(
                409, "A probe is running. It takes the whole line to measure well, so only one runs at a time. Ask again when it has " +
                    $"ended: for {Turn.TotalMinutes:0} minutes you come before those who did not wait.");
        }
        if (time.GetElapsedTime(Volatile.Read(ref _ended)) >= Turn)
            _waiting.Clear();
        if (!_waiting.Remove(owner) && _waiting.Count > 0)
            throw new RequestRefusedException(409,
                $"Others waited for the last probe and come first. Ask again in {Turn.TotalMinutes:0} minutes.");
    }

    private async Task RunAsync(ProbeJob job, List<string> arguments, string? key, TimeSpan limit)
    {
        using var timeout = new CancellationTokenSource(limit, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, job.Cancel.Token);
        try
        {
            PrivateFiles.MakeFolder(Root);
            var start = OwnProgram.Start(arguments);
            if (!string.IsNullOrEmpty(key))
                start.Environment[KeyVariable] = key;
            using var process = Process.Start(start)!;
            try
            {
                process.PriorityClass = ProcessPriorityClass.BelowNormal;
                var errors = ReadAsync(process.StandardError, line => job.Heard(line), stop.Token);
                await ReadAsync(process.StandardOutput, line => Heard(line, job, stop), stop.Token).ConfigureAwait(false);
                await errors.ConfigureAwait(false);
                await process.WaitForExitAsync(stop.Token).ConfigureAwait(false);
            }
            finally
            {
                if (!process.HasExited)
                {
                    process.Kill(entireProcessTree: true);
                    await process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
                }
                Volatile.Write(ref _ended, time.GetTimestamp());
            }
            job.End(File.Exists(Path.Combine(job.Folder, "report.html")) ? ProbeState.Done : ProbeState.Failed);
        }
        catch (OperationCanceledException) when (job.Cancel.IsCancellationRequested)
        {
            job.End(ProbeState.Cancelled, Delete(job.Folder) ? "Cancelled. Nothing of it is kept."
                : "Cancelled. Some of its files could not be deleted yet; the next run tries again.");
        }
        catch (OperationCanceledException)
        {
            job.End(ProbeState.Failed,
                $"The run took longer than the {limit.TotalMinutes:0} minutes that this profile may take, or wrote more than " +
                $"{MaxBytes >> 30} GiB.");
        }
        catch (Exception error)
        {
            // Nothing awaits this task: a failure is logged here or nowhere.
            LogFailed(job.Id, error);
            // Who waited for a run that could not even begin comes first all the same.
            Volatile.Write(ref _ended, time.GetTimestamp());
            job.End(ProbeState.Failed, "The probe could not be started; the server's log says why.");
        }
    }

    private static void Heard(string line, ProbeJob job, CancellationTokenSource stop)
    {
        job.Heard(line);
        if (Directory.Exists(job.Folder) && new DirectoryInfo(job.Folder).EnumerateFiles().Sum(f => f.Length) > MaxBytes)
            stop.Cancel();
    }

    private static async Task ReadAsync(StreamReader lines, Action<string> heard, CancellationToken cancel)
    {
        while (await lines.ReadLineAsync(cancel).ConfigureAwait(false) is { } line)
        {
            if (line.Length > 0)
                heard(line);
        }
    }

    // A client of a keyless server on loopback is on this machine and can reach the same addresses without the server.
    private string[] Elsewhere(string target)
    {
        var address = Address(target);
        string[] command = [address.AbsolutePath.Contains("/whip", StringComparison.Ordinal) ? "whip" : "truelive", address.AbsoluteUri];
        if (options.ProbeHosts.Length == 0 && !ring.Required && OptionsReader.IsLoopback(options.Host))
            return command;
        return _hosts.Refuse(address.AbsoluteUri, out _) is { } refused
            ? throw new RequestRefusedException(422, refused)
            : [.. command, "--reach", _hosts.IsNamed(address.IdnHost) ? "host" : "public"];
    }

    private static Uri Address(string target) =>
        target.Length <= 2000 && Uri.TryCreate(target, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https"
            && uri.UserInfo.Length == 0
            ? uri : throw new RequestRefusedException(422,
                $"'{(target.Length > 100 ? target[..100] : target)}' is not an http or https address without a password in it.");

    private void Forget()
    {
        var now = time.GetUtcNow();
        foreach (var old in All.Where(job => job.State != ProbeState.Running && job.Expires < now).ToArray())
            Remove(old);
        // The owner with the most reports loses its oldest, so that nobody can push out others' reports.
        while (_jobs.Count >= MaxKept && All.Where(j => j.State != ProbeState.Running).GroupBy(j => j.Owner)
            .MaxBy(g => g.Count())?.Last() is { } oldest)
            Remove(oldest);
        // Folders left by an earlier run of this server belong to nobody, and nothing is kept of what was cancelled.
        if (Directory.Exists(Root))
        {
            foreach (var folder in Directory.EnumerateDirectories(Root).Where(
                f => _jobs.GetValueOrDefault(Path.GetFileName(f)) is null or { State: ProbeState.Cancelled }))
                Delete(folder);
        }
    }

    // A program that the probe had started may still write there; the next run tries again.
    private bool Delete(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
                Directory.Delete(folder, recursive: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            LogLeft(Path.GetFileName(folder), error.Message);
            return false;
        }
    }

    [LoggerMessage(EventId = 4001, EventName = "probe_failed", Level = LogLevel.Error, Message = "Probe run {Id} failed.")]
    private partial void LogFailed(string id, Exception error);

    [LoggerMessage(EventId = 4002, EventName = "probe_left", Level = LogLevel.Warning,
        Message = "Files of probe run {Id} could not be deleted yet: {Why}")]
    private partial void LogLeft(string id, string why);
}
