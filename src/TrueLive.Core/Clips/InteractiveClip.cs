using System.Collections.Concurrent;
using System.Collections.Immutable;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>A frame of a revision, encoded for the client. The bytes are kept by the clip and never change.</summary>
public readonly record struct RevisionFrame(long Revision, RevisionPass Pass, int Index, TimeSpan At, ReadOnlyMemory<byte> Encoded);

/// <summary>
/// Tier 2: a short source held in memory, and a new revision of it for every tweak. A worker thread renders the newest tweak: first the
/// frame under the playhead, then every <see cref="CoarseStep"/>th frame and, in parallel, all frames; two concurrent steps use the cores
/// better than one step spread over them. Each pass has its own memory. A newer tweak is noticed before each step, so superseded work ends
/// within one step. Where a tweak changes nothing before a certain time, rendering resumes from the memory saved there.
/// </summary>
public sealed partial class InteractiveClip : IAsyncDisposable
{
    /// <summary>The coarse pass takes every this many frames.</summary>
    public const int CoarseStep = 4;

    /// <summary>Least number of frames between two saved memories of the full pass.</summary>
    public const int CheckpointFrames = 15;

    /// <summary>Longest source.</summary>
    public static readonly TimeSpan MaxSource = TimeSpan.FromSeconds(20);

    /// <summary>Prompt readings that are cached; beyond this the cache is cleared.</summary>
    private const int MaxReadings = 500;

    /// <summary>Most revisions that are remembered; the oldest unnamed one is forgotten first.</summary>
    public const int MaxRevisions = 100;

    private readonly ImmutableArray<VideoFrame> _source;
    private readonly IVideoModel _model;
    private readonly int _width;
    private readonly int _height;

    // Used only by the worker thread.
    private readonly Dictionary<IVideoModel, (IModelSession Full, IModelSession Coarse)> _sessions = [];
    private readonly Func<VideoFrame, ReadOnlyMemory<byte>> _encode;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly Lock _emitting = new();
    private readonly Lock _telling = new();
    private readonly SortedDictionary<long, ClipRevision> _revisions = [];
    private readonly RenderedRevisions _rendered = new();
    private readonly ConcurrentDictionary<(IVideoModel Model, string Text), PromptReading> _readings = new();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;
    private (ClipRevision Revision, PromptSchedule Schedule, long Since)? _next;
    private long _newest;
    private long _rendering;
    private int _fullUntil;
    private volatile bool _failed;

    /// <param name="source">Decoded frames in order; the clip takes ownership and disposes them.</param>
    /// <param name="model">Shared weights.</param>
    /// <param name="width">Model width.</param>
    /// <param name="height">Model height.</param>
    /// <param name="encode">Turns an output frame into bytes for the client; never called concurrently.</param>
    /// <param name="time">Clock for the measured times.</param>
    public InteractiveClip(ImmutableArray<VideoFrame> source, IVideoModel model, int width, int height,
        Func<VideoFrame, ReadOnlyMemory<byte>> encode, TimeProvider time)
    {
        if (source.IsEmpty)
            throw new ArgumentException("The source has no frames.", nameof(source));
        if (source[^1].Ticket.Captured - source[0].Ticket.Captured > MaxSource)
            throw new ArgumentException($"The source is longer than {MaxSource.TotalSeconds:0} s. Trim it first.", nameof(source));
        for (var i = 0; i < source.Length; i++)
            source[i].Ticket = source[i].Ticket with { SourceSequence = i };
        (_source, _model, _encode, _time) = (source, model, encode, time);
        (_width, _height) = (width, height);
        var span = source[^1].Ticket.Captured - source[0].Ticket.Captured;
        Length = source.Length > 1 ? span + span / (source.Length - 1) : TimeSpan.FromMilliseconds(40);
        _sessions[model] = (model.CreateSession(width, height), model.CreateSession(width, height));
        _worker = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>Called with each finished frame, never concurrently; must return quickly.</summary>
    public Action<RevisionFrame>? FrameReady { get; set; }

    /// <summary>A revision changed. Called on a thread of the clip or on the caller of <see cref="Tweak"/>.</summary>
    public Action<ClipRevision>? Changed { get; set; }

    /// <summary>Length of the source with its last frame.</summary>
    public TimeSpan Length { get; init; }

    /// <summary>Finds another model by its id; when null, there is only the clip's own.</summary>
    public Func<string, IVideoModel?>? ModelOf { get; init; }

    /// <summary>
    /// Called before each step, possibly on two threads at once; may block, which is how tier 2 yields to live sessions. The token fires
    /// for a coarse pass that is still waiting when the full one is done.
    /// </summary>
    public Action<RevisionPass, CancellationToken>? BeforeStep { get; set; }

    /// <summary>Whether a tweak waits or is being computed.</summary>
    public bool Busy
    {
        get
        {
            lock (_gate)
                return _revisions.TryGetValue(_newest, out var now) && now.State is RevisionState.Waiting or RevisionState.Rendering;
        }
    }

    /// <summary>All remembered revisions, oldest first.</summary>
    public ImmutableArray<ClipRevision> Revisions
    {
        get
        {
            lock (_gate)
                return [.. _revisions.Values];
        }
    }

    /// <summary>
    /// Makes a new revision and supersedes the current one. <paramref name="told"/> is called with it before any event about it is raised.
    /// </summary>
    /// <exception cref="ArgumentException">The schedule cannot be read, no frame is left between the trim points, or every remembered
    /// revision has a name; the message says which.</exception>
    public ClipRevision Tweak(ClipTweak tweak, long parent = 0, string name = "", Action<ClipRevision>? told = null)
    {
        if (!PromptSchedule.TryParse(tweak.Prompts, out var schedule, out var error))
            throw new ArgumentException(error);
        if (!(tweak.Strength is >= 0 and <= 1))
            throw new ArgumentException("The strength is not within 0..1.");
        var model = ModelFor(tweak) ?? throw new ArgumentException($"There is no model '{tweak.Model}'.");
        // Values that this model does not take are dropped.
        tweak = tweak with { Values = tweak.Values.For(model.Info.Parameters) };
        if (model.Info.Chunk is var chunk && chunk.Takes != chunk.Gives)
            throw new ArgumentException($"{model.Info.Title} makes {chunk.Gives} frames of {chunk.Takes}: it has no revisions of a clip. " +
                "Render a clip with it, or take another model.");
        var origin = _source[0].Ticket.Captured;
        var first = IndexAt(origin + tweak.TrimStart);
        var end = IndexAt(origin + tweak.TrimEnd);
        if (first >= end)
            throw new ArgumentException($"No frame lies between {tweak.TrimStart.TotalSeconds:0.###} s and " +
                $"{tweak.TrimEnd.TotalSeconds:0.###} s.");
        var readings = schedule.Cues.Select(c => Read(model, c.Text)).ToArray();
        var unknown = readings.SelectMany(r => r.UnknownWords).Distinct(StringComparer.OrdinalIgnoreCase);
        // A note about unknown words alone would say them twice.
        var notes = readings.Where(r => r.UnknownWords.IsEmpty).Select(r => r.Note)
            .Append(schedule.BeyondEnd(tweak.TrimEnd < Length ? tweak.TrimEnd : Length)).OfType<string>().Distinct().ToArray();
        lock (_telling)
        {
            ClipRevision revision;
            ClipRevision? superseded = null;
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
                if (_revisions.Count >= MaxRevisions)
                {
                    var oldest = _revisions.Values.FirstOrDefault(r => r.Name.Length == 0
                        && r.State is RevisionState.Full or RevisionState.Superseded or RevisionState.Failed)
                        ?? throw new ArgumentException($"All {MaxRevisions} revisions that a clip remembers have names. Take the name " +
                            "from one that may go.");
                    _revisions.Remove(oldest.Number);
                }
                revision = new ClipRevision
                {
                    Number = ++_newest,
                    Parent = parent,
                    Tweak = tweak,
                    Name = name,
                    Range = (first, end),
                    UnknownWords = [.. unknown],
                    Note = notes.Length == 0 ? null : string.Join(' ', notes),
                };
                if (_next is { } waiting)
                    superseded = _revisions[waiting.Revision.Number] = _revisions[waiting.Revision.Number] with
                    { State = RevisionState.Superseded };
                _revisions[revision.Number] = revision;
                _next = (revision, schedule, _time.GetTimestamp());
            }
            told?.Invoke(revision);
            if (superseded is not null)
                Changed?.Invoke(superseded);
            Changed?.Invoke(revision);
            if (_wake.CurrentCount == 0)
                _wake.Release();
            return revision;
        }
    }

    /// <summary>
    /// Gives a revision a name, which also keeps it from being forgotten. Null when it is not remembered. <paramref name="told"/> is called
    /// with it, before any later event about it is raised.
    /// </summary>
    public ClipRevision? Rename(long number, string name, Action<ClipRevision>? told = null)
    {
        lock (_telling)
        {
            ClipRevision renamed;
            lock (_gate)
            {
                if (!_revisions.TryGetValue(number, out var revision))
                    return null;
                _revisions[number] = renamed = revision with { Name = name };
            }
            told?.Invoke(renamed);
            return renamed;
        }
    }

    /// <summary>Calls <paramref name="told"/> with <see cref="Revisions"/>; every event about one that is raised later is newer.</summary>
    public void Tell(Action<ImmutableArray<ClipRevision>> told)
    {
        lock (_telling)
            told(Revisions);
    }

    /// <summary>The full-pass frames of a revision that are kept, in order of index; empty when they were dropped.</summary>
    public ImmutableArray<RevisionFrame> FramesOf(long number) => _rendered.FramesOf(number, _source);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _worker.ConfigureAwait(false);
        foreach (var (full, coarse) in _sessions.Values)
        {
            full.Dispose();
            coarse.Dispose();
        }
        foreach (var frame in _source)
            frame.Dispose();
        _stop.Dispose();
        _wake.Dispose();
    }

    // Cached: users return to prompts and move them in time.
    private PromptReading Read(IVideoModel model, string text)
    {
        if (_readings.Count >= MaxReadings)
            _readings.Clear();
        return _readings.GetOrAdd((model, text), key => key.Model.Read(key.Text));
    }

    private void Work()
    {
        while (true)
        {
            try
            {
                _wake.Wait(_stop.Token);
            }
            catch (OperationCanceledException)
            {
                return;
            }
            while (TakeNext() is var (revision, schedule, since))
                Render(revision, schedule, since);
        }
    }

    private (ClipRevision Revision, PromptSchedule Schedule, long Since)? TakeNext()
    {
        lock (_gate)
        {
            var next = _next;
            _next = null;
            return next;
        }
    }

    private bool Overtaken => Volatile.Read(ref _newest) != Volatile.Read(ref _rendering) || _failed || _stop.IsCancellationRequested;

    private void Render(ClipRevision revision, PromptSchedule schedule, long since)
    {
        Volatile.Write(ref _rendering, revision.Number);
        _failed = false;
        Publish(revision, r => r with { State = RevisionState.Rendering });
        try
        {
            var model = ModelFor(revision.Tweak)!;
            if (!_sessions.TryGetValue(model, out var sessions))
            {
                var (width, height) = model.Info.Sizes.Nearest(_width, _height);
                _sessions[model] = sessions = (model.CreateSession(width, height), model.CreateSession(width, height));
            }
            var cues = schedule.Resolve(text => Read(model, text), revision.Tweak.Strength,
                revision.Tweak.Transition ?? Prompt.DefaultTransition);
            cues = ValueSchedule.Over(cues, [(TimeSpan.Zero, revision.Tweak.Values)]);
            var (first, end) = revision.Range;
            cues = PromptSchedule.BegunAt(cues, _source[first].Ticket.Captured - _source[0].Ticket.Captured);
            var rendering = new Rendering(revision, cues);
            var start = _rendered.TakeOver(rendering, _source, out var memory);
            var reused = rendering.Frames.Count;
            _fullUntil = first + reused;
            for (var i = first; i < first + reused; i++)
                Give(new RevisionFrame(revision.Number, RevisionPass.Full, i, _source[i].Ticket.Captured, rendering.Frames[i - first]));
            var (takes, holds) = (model.Info.Chunk.Takes, model.Info.Chunk.Held > 0);
            if (!Overtaken)
            {
                var playhead = Math.Clamp(IndexAt(_source[0].Ticket.Captured + revision.Tweak.Playhead), first, end - 1);
                if (playhead >= first + reused)
                {
                    // A chunked model needs the whole chunk that holds the playhead; chunks count from the clip's first frame.
                    sessions.Coarse.Reset();
                    var pass = new Pass(this, sessions.Coarse, RevisionPass.Preview, revision, cues, holds, _stop.Token)
                    { Only = playhead };
                    var chunk = playhead - (playhead - first) % takes;
                    for (var i = chunk; i < Math.Min(chunk + takes, end) && !Overtaken; i++)
                        pass.Take(i);
                    pass.Flush();
                }
                Publish(revision, r => r with { ToPreview = _time.GetElapsedTime(since), ReusedFrames = reused, FullFrames = reused });
            }

            // The coarse pass pays off only where it is clearly shorter than the full one.
            using var callOff = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
            var coarse = end - start <= 2 * CoarseStep * takes ? Task.CompletedTask : Task.Factory.StartNew(
                () => RenderCoarse(new Pass(this, sessions.Coarse, RevisionPass.Coarse, revision, cues, holds, callOff.Token), memory,
                    start, takes, revision, since), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            try
            {
                RenderFull(sessions.Full, memory, start, holds, rendering, revision);
            }
            catch (Exception)
            {
                _failed = true;
                throw;
            }
            finally
            {
                callOff.Cancel();
                coarse.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
            }
            coarse.GetAwaiter().GetResult();
            _rendered.Keep(rendering);
            var elapsed = _time.GetElapsedTime(since);
            Publish(revision, r => rendering.Frames.Count == end - first
                ? r with { State = RevisionState.Full, FullFrames = end - first, ToFull = elapsed, ToPlayable = r.ToPlayable ?? elapsed }
                : r with { State = RevisionState.Superseded, FullFrames = rendering.Frames.Count });
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            Publish(revision, r => r with { State = RevisionState.Superseded });
        }
        // A failure costs this revision only: the worker continues with the next.
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            Publish(revision, r => r with { State = RevisionState.Failed, Error = e.Message });
        }
    }

    private void Give(RevisionFrame frame) => FrameReady?.Invoke(frame);

    private IVideoModel? ModelFor(ClipTweak tweak) =>
        tweak.Model is null || tweak.Model == _model.Info.Id ? _model : ModelOf?.Invoke(tweak.Model);

    // Both passes report progress on the latest snapshot. A revision that was forgotten meanwhile reports nothing.
    private void Publish(ClipRevision revision, Func<ClipRevision, ClipRevision> change)
    {
        lock (_telling)
        {
            ClipRevision changed;
            lock (_gate)
            {
                if (!_revisions.TryGetValue(revision.Number, out var held))
                    return;
                _revisions[revision.Number] = changed = change(held);
            }
            Changed?.Invoke(changed);
        }
    }

    private int IndexAt(TimeSpan at)
    {
        int low = 0, high = _source.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_source[middle].Ticket.Captured < at)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }
}
