using TrueLive.Core.Sessions;
using TrueLive.Server.Access;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Usage;

/// <summary>
/// Looks at all live sessions once a second and when one ends, and counts what came since the look before. Durations are taken from a
/// clock that is never set; only the day is the wall clock's.
/// </summary>
internal sealed class UsageMeter : BackgroundService
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    // A longer time between two looks means that the process or its machine stood still.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(5);

    private readonly SessionRegistry _registry;
    private readonly UsageLedger _ledger;
    private readonly ApiKeyRing _ring;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Dictionary<HostedSession, Mark> _marks = [];

    public UsageMeter(SessionRegistry registry, UsageLedger ledger, ApiKeyRing ring, TimeProvider time)
    {
        (_registry, _ledger, _ring, _time) = (registry, ledger, ring, time);
        registry.Removed += Close;
    }

    /// <summary>Counts what the sessions that run have used so far.</summary>
    public void Look()
    {
        lock (_gate)
        {
            foreach (var hosted in _registry.Hosted.Union(_marks.Keys).ToList())
                Count(hosted);
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken).ConfigureAwait(false);
        Look();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
                Look();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private void Close(HostedSession hosted)
    {
        lock (_gate)
        {
            Count(hosted);
            _marks.Remove(hosted);
        }
    }

    private void Count(HostedSession hosted)
    {
        var now = _time.GetTimestamp();
        var before = _marks.GetValueOrDefault(hosted) ?? new Mark(now, false, 0, 0);
        var live = hosted.Session.State == SessionState.Live;
        var mark = _marks[hosted] = new Mark(now, live, hosted.Session.Summary.Made, hosted.BytesSent);
        // A session that never had a picture has used nothing.
        if (mark.Made == 0)
            return;
        var passed = live || before.Live ? _time.GetElapsedTime(before.At, now) : TimeSpan.Zero;
        // One that came from another machine was counted there.
        var sessions = before.Made == 0 && !hosted.Continues ? 1 : 0;
        var (frames, bytes) = (mark.Made - before.Made, mark.Bytes - before.Bytes);
        if (passed > TimeSpan.Zero || frames > 0 || bytes > 0)
            _ledger.Add(hosted.Owner, _ring.NameOf(hosted.Owner), UsageKind.Live, hosted.Session.Settings.Model.Info.Id, sessions,
                (passed < Longest ? passed : Longest).TotalSeconds, frames, bytes);
    }

    private sealed record Mark(long At, bool Live, long Made, long Bytes);
}
