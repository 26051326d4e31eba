using System.Collections.Immutable;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>A frame of a revision, encoded for the client. The bytes are kept by the clip and never change.</summary>
public readonly record struct RevisionFrame(long Revision, RevisionPass Pass, int Index, TimeSpan At, ReadOnlyMemory<byte> Encoded);

/// <summary>
/// Tier 2: a short source held in memory, and a new revision of it for every tweak. One worker thread computes the newest tweak:
/// the frame under the playhead, then every <see cref="CoarseStep"/>th frame, then all. It looks for a newer tweak before each
/// step, so superseded work ends within one step. A tweak that changes nothing before a moment goes on from the memory saved there.
/// </summary>
public sealed class InteractiveClip : IAsyncDisposable
{
    /// <summary>The coarse pass takes every this many frames.</summary>
    public const int CoarseStep = 4;

    /// <summary>Frames between two saved memories of the full pass.</summary>
    public const int CheckpointFrames = 15;

    /// <summary>Longest source.</summary>
    public static readonly TimeSpan MaxSource = TimeSpan.FromSeconds(20);

    /// <summary>Revisions that are remembered; the oldest unnamed one goes first.</summary>
    public const int MaxRevisions = 100;

    /// <summary>Bytes of saved memories; the ones of the oldest revisions go first, and a long clip saves them further apart.</summary>
    public const long MaxCheckpointBytes = 192L << 20;

    /// <summary>Revisions whose frames are kept; older ones are computed again when asked for.</summary>
    public const int MaxRendered = 12;

    private readonly ImmutableArray<VideoFrame> _source;
    private readonly IVideoModel _model;
    private readonly int _width;
    private readonly int _height;

    // Belongs to the worker.
    private readonly Dictionary<IVideoModel, IModelSession> _sessions = [];
    private IModelSession _session;
    private readonly Func<VideoFrame, ReadOnlyMemory<byte>> _encode;
    private readonly TimeProvider _time;
    private readonly object _gate = new();
    private readonly SortedDictionary<long, ClipRevision> _revisions = [];
    private readonly LinkedList<Rendering> _rendered = new();
    private readonly SemaphoreSlim _wake = new(0, 1);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;
    private (ClipRevision Revision, PromptSchedule Schedule, long Since)? _next;
    private long _newest;
    private long _rendering;

    /// <param name="source">Decoded frames in order; the clip takes over the holds and disposes them.</param>
    /// <param name="model">Shared weights.</param>
    /// <param name="width">Network width.</param>
    /// <param name="height">Network height.</param>
    /// <param name="encode">Turns an output frame into bytes for the client; called on the worker.</param>
    /// <param name="time">Clock for the measured times.</param>
    public InteractiveClip(ImmutableArray<VideoFrame> source, IVideoModel model, int width, int height, Func<VideoFrame, ReadOnlyMemory<byte>> encode, TimeProvider time)
    {
        if (source.IsEmpty)
            throw new ArgumentException("The source has no frames.", nameof(source));
        if (source[^1].Time.Captured - source[0].Time.Captured > MaxSource)
            throw new ArgumentException($"The source is longer than {MaxSource.TotalSeconds:0} s. Trim it first.", nameof(source));
        (_source, _model, _encode, _time) = (source, model, encode, time);
        (_width, _height) = (width, height);
        _session = _sessions[model] = model.CreateSession(width, height);
        _worker = Task.Factory.StartNew(Work, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    /// <summary>A frame is there. Called on the worker; must return quickly.</summary>
    public Action<RevisionFrame>? FrameReady { get; set; }

    /// <summary>A revision changed. Called on the worker or on the caller of <see cref="Tweak"/>.</summary>
    public Action<ClipRevision>? Changed { get; set; }

    /// <summary>Finds another model by its id; null knows none.</summary>
    public Func<string, IVideoModel?>? ModelOf { get; init; }

    /// <summary>Called on the worker before each step; may block, which is how tier 2 yields to live sessions.</summary>
    public Action<CancellationToken>? BeforeStep { get; set; }

    /// <summary>A tweak waits or is being computed.</summary>
    public bool Busy
    {
        get
        {
            lock (_gate)
                return _next is not null || (_revisions.TryGetValue(_rendering, out var now) && now.State == RevisionState.Rendering);
        }
    }

    /// <summary>Source frames.</summary>
    public int SourceFrames => _source.Length;

    /// <summary>All remembered revisions, oldest first.</summary>
    public ImmutableArray<ClipRevision> Revisions
    {
        get
        {
            lock (_gate)
                return [.. _revisions.Values];
        }
    }

    /// <summary>Makes a new revision and supersedes the one in work.</summary>
    /// <exception cref="ArgumentException">The schedule cannot be read, or no frame is left between the trim points; the message says which.</exception>
    public ClipRevision Tweak(ClipTweak tweak, long parent = 0, string name = "")
    {
        if (!PromptSchedule.TryParse(tweak.Prompts, out var schedule, out var error))
            throw new ArgumentException(error);
        if (!(tweak.Strength is >= 0 and <= 1))
            throw new ArgumentException("The strength is not within 0..1.");
        var model = ModelFor(tweak) ?? throw new ArgumentException($"There is no model '{tweak.Model}'.");
        var origin = _source[0].Time.Captured;
        var first = IndexAt(origin + tweak.TrimStart);
        var end = IndexAt(origin + tweak.TrimEnd);
        if (first >= end)
            throw new ArgumentException($"No frame lies between {tweak.TrimStart.TotalSeconds:0.###} s and {tweak.TrimEnd.TotalSeconds:0.###} s.");
        var unknown = schedule.Cues.SelectMany(c => model.Read(c.Text).UnknownWords).Distinct(StringComparer.OrdinalIgnoreCase);
        ClipRevision revision;
        ClipRevision? superseded = null;
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stop.IsCancellationRequested, this);
            revision = new ClipRevision { Number = ++_newest, Parent = parent, Tweak = tweak, Name = name, Range = (first, end), UnknownWords = [.. unknown] };
            if (_next is { } waiting)
                superseded = _revisions[waiting.Revision.Number] = waiting.Revision with { State = RevisionState.Superseded };
            _revisions[revision.Number] = revision;
            _next = (revision, schedule, _time.GetTimestamp());
            if (_revisions.Count > MaxRevisions && _revisions.Values.FirstOrDefault(r => r.Name.Length == 0 && r.State is RevisionState.Full or RevisionState.Superseded) is { } oldest)
                _revisions.Remove(oldest.Number);
            if (_wake.CurrentCount == 0)
                _wake.Release();
        }
        if (superseded is not null)
            Changed?.Invoke(superseded);
        Changed?.Invoke(revision);
        return revision;
    }

    /// <summary>Gives a revision a name, which also keeps it from being forgotten. Null when it is not remembered.</summary>
    public ClipRevision? Rename(long number, string name)
    {
        lock (_gate)
            return _revisions.TryGetValue(number, out var revision) ? _revisions[number] = revision with { Name = name } : null;
    }

    /// <summary>The full-pass frames of a revision that are kept, in order of index; empty when they were let go.</summary>
    public ImmutableArray<RevisionFrame> FramesOf(long number)
    {
        lock (_gate)
            return _rendered.FirstOrDefault(r => r.Number == number)?.Snapshot(_source) ?? [];
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _worker.ConfigureAwait(false);
        foreach (var session in _sessions.Values)
            session.Dispose();
        foreach (var frame in _source)
            frame.Dispose();
        _stop.Dispose();
        _wake.Dispose();
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

    private bool Overtaken => Volatile.Read(ref _newest) != _rendering || _stop.IsCancellationRequested;

    private void Render(ClipRevision revision, PromptSchedule schedule, long since)
    {
        _rendering = revision.Number;
        revision = Publish(revision with { State = RevisionState.Rendering });
        try
        {
            var model = ModelFor(revision.Tweak)!;
            if (!_sessions.TryGetValue(model, out var session))
            {
                var (width, height) = model.Info.Sizes.Nearest(_width, _height);
                _sessions[model] = session = model.CreateSession(width, height);
            }
            _session = session;
            var cues = schedule.Resolve(model, revision.Tweak.Strength, revision.Tweak.Transition ?? Prompt.DefaultTransition);
            var (first, end) = revision.Range;
            cues = PromptSchedule.BegunAt(cues, _source[first].Time.Captured - _source[0].Time.Captured);
            var rendering = new Rendering(revision, cues);
            var start = TakeOver(rendering, out var memory);
            if (!Overtaken)
            {
                var playhead = Math.Clamp(IndexAt(_source[0].Time.Captured + revision.Tweak.Playhead), first, end - 1);
                if (playhead >= start)
                {
                    _session.Reset();
                    Emit(RevisionPass.Preview, playhead, revision, cues);
                }
                revision = Publish(revision with { ToPreview = _time.GetElapsedTime(since), ReusedFrames = start - first, FullFrames = start - first });
            }

            // The coarse pass pays only where it is clearly shorter than the full one.
            if (end - start > 2 * CoarseStep)
            {
                Resume(memory);
                for (var i = start; i < end && !Overtaken; i += CoarseStep)
                    Emit(RevisionPass.Coarse, i, revision, cues);
                if (!Overtaken)
                    revision = Publish(revision with { ToPlayable = _time.GetElapsedTime(since) });
            }

            Resume(memory);
            var apart = CheckpointFrames;
            for (var i = start; i < end && !Overtaken; i++)
            {
                if ((i - first) % apart == 0)
                {
                    var saved = rendering.Checkpoints[i] = _session.Capture();
                    apart = CheckpointFrames * (int)Math.Max(1, saved.Bytes.Length * 4L * (end - first) / CheckpointFrames / MaxCheckpointBytes);
                }
                rendering.Frames.Add(Emit(RevisionPass.Full, i, revision, cues));
                if ((i - first) % CheckpointFrames == CheckpointFrames - 1)
                    revision = Publish(revision with { FullFrames = i + 1 - first });
            }
            Keep(rendering);
            if (rendering.Frames.Count == end - first)
            {
                var elapsed = _time.GetElapsedTime(since);
                Publish(revision with { State = RevisionState.Full, FullFrames = end - first, ToFull = elapsed, ToPlayable = revision.ToPlayable ?? elapsed });
            }
            else
            {
                Publish(revision with { State = RevisionState.Superseded, FullFrames = rendering.Frames.Count });
            }
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            Publish(revision with { State = RevisionState.Superseded });
        }
        catch (Exception e) when (e is ModelStepException or ArgumentException)
        {
            Publish(revision with { State = RevisionState.Failed, Error = e.Message });
        }
    }

    private void Resume(ModelState? memory)
    {
        if (memory is null)
            _session.Reset();
        else
            _session.Restore(memory);
    }

    private ReadOnlyMemory<byte> Emit(RevisionPass pass, int index, ClipRevision revision, ImmutableArray<(TimeSpan At, Prompt Prompt)> cues)
    {
        var input = _source[index];
        BeforeStep?.Invoke(_stop.Token);
        using var output = _session.Step(input, PromptSchedule.PromptAt(cues, input.Time.Captured - _source[0].Time.Captured));
        var encoded = _encode(output);
        FrameReady?.Invoke(new RevisionFrame(revision.Number, pass, index, input.Time.Captured, encoded));
        return encoded;
    }

    /// <summary>Copies what an earlier revision has in common with this one and hands back the memory to go on from.</summary>
    private int TakeOver(Rendering rendering, out ModelState? memory)
    {
        memory = null;
        var first = rendering.First;
        var best = first;
        Rendering? from = null;
        lock (_gate)
        {
            foreach (var earlier in _rendered.Where(r => r.First == first && r.Strength == rendering.Strength && r.Model == rendering.Model))
            {
                var same = SharedUntil(earlier.Cues, rendering.Cues);
                foreach (var (index, _) in earlier.Checkpoints.Where(c => c.Key - first <= earlier.Frames.Count && _source[Math.Max(c.Key - 1, 0)].Time.Captured - _source[0].Time.Captured < same))
                {
                    if (index > best && index <= rendering.End)
                        (best, from) = (index, earlier);
                }
            }
        }
        if (from is null)
            return first;
        memory = from.Checkpoints[best];
        rendering.Frames.AddRange(from.Frames.Take(best - first));
        foreach (var checkpoint in from.Checkpoints.Where(c => c.Key < best))
            rendering.Checkpoints[checkpoint.Key] = checkpoint.Value;
        for (var i = first; i < best; i++)
            FrameReady?.Invoke(new RevisionFrame(rendering.Number, RevisionPass.Full, i, _source[i].Time.Captured, rendering.Frames[i - first]));
        return best;
    }

    private void Keep(Rendering rendering)
    {
        lock (_gate)
        {
            _rendered.AddFirst(rendering);
            if (_rendered.Count > MaxRendered)
                _rendered.RemoveLast();
            // Revisions share the memories that they took over, so a memory counts once.
            var kept = new HashSet<ModelState>(ReferenceEqualityComparer.Instance);
            var bytes = 0L;
            foreach (var each in _rendered)
            {
                bytes += each.Checkpoints.Values.Where(kept.Add).Sum(m => (long)m.Bytes.Length);
                if (bytes > MaxCheckpointBytes)
                    each.Checkpoints.Clear();
            }
        }
    }

    private IVideoModel? ModelFor(ClipTweak tweak) =>
        tweak.Model is null || tweak.Model == _model.Info.Id ? _model : ModelOf?.Invoke(tweak.Model);

    private ClipRevision Publish(ClipRevision revision)
    {
        lock (_gate)
        {
            if (_revisions.TryGetValue(revision.Number, out var held))
                _revisions[revision.Number] = revision = revision with { Name = held.Name };
        }
        Changed?.Invoke(revision);
        return revision;
    }

    private int IndexAt(TimeSpan at)
    {
        int low = 0, high = _source.Length;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_source[middle].Time.Captured < at)
                low = middle + 1;
            else
                high = middle;
        }
        return low;
    }

    /// <summary>The moment from which two schedules differ.</summary>
    private static TimeSpan SharedUntil(ImmutableArray<(TimeSpan At, Prompt Prompt)> a, ImmutableArray<(TimeSpan At, Prompt Prompt)> b)
    {
        var i = 0;
        while (i < a.Length && i < b.Length && a[i].At == b[i].At && a[i].Prompt.Text == b[i].Prompt.Text && a[i].Prompt.Transition == b[i].Prompt.Transition)
            i++;
        var nextA = i < a.Length ? a[i].At : TimeSpan.MaxValue;
        var nextB = i < b.Length ? b[i].At : TimeSpan.MaxValue;
        return nextA < nextB ? nextA : nextB;
    }

    private sealed class Rendering(ClipRevision revision, ImmutableArray<(TimeSpan At, Prompt Prompt)> cues)
    {
        public long Number => revision.Number;

        public int First => revision.Range.First;

        public int End => revision.Range.End;

        public string? Model => revision.Tweak.Model;

        public float Strength => revision.Tweak.Strength;

        public ImmutableArray<(TimeSpan At, Prompt Prompt)> Cues => cues;

        public List<ReadOnlyMemory<byte>> Frames { get; } = [];

        public Dictionary<int, ModelState> Checkpoints { get; } = [];

        public ImmutableArray<RevisionFrame> Snapshot(ImmutableArray<VideoFrame> source) =>
            [.. Frames.Select((bytes, i) => new RevisionFrame(Number, RevisionPass.Full, First + i, source[First + i].Time.Captured, bytes))];
    }
}
