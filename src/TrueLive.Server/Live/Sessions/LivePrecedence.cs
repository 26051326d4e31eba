using TrueLive.Core.Clips;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;

namespace TrueLive.Server.Live.Sessions;

/// <summary>
/// Decides when clip work must yield to live sessions: before every step it checks whether the cores that connected, unpaused live sessions
/// leave free are enough for the step and its codecs, and that no model is being measured. With two cores, clips therefore pause while
/// anyone is live.
/// </summary>
internal sealed class LivePrecedence(SessionRegistry sessions, Admission admission, ModelStore models, CapacityMeasurement measurement)
{
    // Polled at this interval while waiting, never while working.
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private int _clipsWaiting;

    /// <summary>Why clips are paused now, in words; null when they are not.</summary>
    public string? WhyClipsWait => Volatile.Read(ref _clipsWaiting) == 0 ? null
        : LiveHasCores ? "Waits: a live session has the cores."
        : InteractiveBusy() ? "Waits: an interactive clip is being computed."
        : measurement.Running ? "Waits: what a model costs is being measured." : null;

    /// <summary>Whether clips are paused now because of a live session.</summary>
    public bool ClipsWaitForLive => Volatile.Read(ref _clipsWaiting) > 0 && LiveHasCores;

    /// <summary>
    /// Whether an interactive clip is being computed; tier 2 takes precedence over tier 1, since somebody is waiting for it.
    /// </summary>
    public Func<bool> InteractiveBusy { get; set; } = () => false;

    /// <summary>Whether live sessions leave too few cores for other work now.</summary>
    public bool LiveHasCores => MustWaitFor(models.StepThreads + 1);

    /// <summary>Blocks clip work while live sessions need the cores, an interactive clip is computed, or a model is measured.</summary>
    public void Wait(CancellationToken cancel)
    {
        if (!ClipsMustWait())
            return;
        Interlocked.Increment(ref _clipsWaiting);
        try
        {
            Wait(ClipsMustWait, cancel);
        }
        finally
        {
            Interlocked.Decrement(ref _clipsWaiting);
        }
    }

    private bool ClipsMustWait() => LiveHasCores || InteractiveBusy() || measurement.Running;

    /// <summary>
    /// Blocks interactive work while live sessions need the cores. The coarse pass runs in parallel with the full one, so it needs the
    /// cores of two steps.
    /// </summary>
    public void WaitForLive(RevisionPass pass, CancellationToken cancel) =>
        Wait(() => MustWaitFor((pass == RevisionPass.Coarse ? 2 : 1) * models.StepThreads + 1) || measurement.Running, cancel);

    private bool MustWaitFor(int needed) =>
        MustWait([.. sessions.Hosted.Where(s => s.Session.State == SessionState.Live).Select(s => admission.ShareOf(s.Session.Settings))],
            admission.Cores, needed);

    private static void Wait(Func<bool> needed, CancellationToken cancel)
    {
        while (needed())
        {
            cancel.WaitHandle.WaitOne(Look);
            cancel.ThrowIfCancellationRequested();
        }
    }

    /// <summary>The rule itself.</summary>
    /// <param name="shares">Share of the machine that each running live session takes, 0..1; 1 when it was not measured.</param>
    /// <param name="cores">Cores of the machine.</param>
    /// <param name="needed">Cores that the work uses: those of its steps and one for its codecs.</param>
    internal static bool MustWait(IReadOnlyCollection<double> shares, int cores, int needed) =>
        shares.Count > 0 && cores * Admission.Budget * (1 - shares.Sum()) < needed;
}
