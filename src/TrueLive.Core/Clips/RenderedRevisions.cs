using System.Collections.Immutable;
using System.Runtime.InteropServices;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>The frames of one revision, and checkpoints of the memory between them.</summary>
internal sealed class Rendering(ClipRevision revision, ImmutableArray<(TimeSpan At, Prompt Prompt)> cues)
{
    public long Number => revision.Number;

    public int First => revision.Range.First;

    public int End => revision.Range.End;

    public ClipTweak Tweak => revision.Tweak;

    public ImmutableArray<(TimeSpan At, Prompt Prompt)> Cues => cues;

    /// <summary>Frames of the full pass, from <see cref="First"/> on.</summary>
    public List<ReadOnlyMemory<byte>> Frames { get; } = [];

    /// <summary>The memory before the source frame of that index was taken, and how many frames were made by then.</summary>
    public Dictionary<int, (ModelState Memory, int Made)> Checkpoints { get; } = [];
}

/// <summary>The newest renderings of a clip, so that what did not change is not computed again. Thread-safe.</summary>
internal sealed class RenderedRevisions
{
    /// <summary>
    /// Most bytes of saved memories; those of the oldest revisions are dropped first, and a long clip saves them further apart.
    /// </summary>
    public const long MaxCheckpointBytes = 192L << 20;

    /// <summary>Revisions whose frames are kept; older ones are computed again when asked for.</summary>
    public const int MaxRendered = 12;

    /// <summary>Bytes of the frames of all kept revisions; beyond it the oldest are dropped; the newest stays whatever its size.</summary>
    public const long MaxFrameBytes = 256L << 20;

    private readonly Lock _gate = new();
    private readonly LinkedList<Rendering> _rendered = new();

    /// <summary>The kept frames of a revision, in order; empty when they were dropped.</summary>
    public ImmutableArray<RevisionFrame> FramesOf(long number, ImmutableArray<VideoFrame> source)
    {
        lock (_gate)
        {
            return _rendered.FirstOrDefault(r => r.Number == number) is { } found
                ? [.. found.Frames.Select((bytes, i) => new RevisionFrame(number, RevisionPass.Full, found.First + i,
                    source[found.First + i].Ticket.Captured, bytes))]
                : [];
        }
    }

    /// <summary>
    /// Copies the frames that an earlier revision shares with this one. Returns the source frame to continue from, with the memory there,
    /// or null for a fresh start. Frames that the model had taken but not yet handed out come out of that memory.
    /// </summary>
    public int TakeOver(Rendering rendering, ImmutableArray<VideoFrame> source, out ModelState? memory)
    {
        lock (_gate)
        {
            var (first, best, from) = (rendering.First, rendering.First, (Rendering?)null);
            foreach (var earlier in _rendered.Where(r => r.First == first && r.Tweak.Strength == rendering.Tweak.Strength
                && r.Tweak.Model == rendering.Tweak.Model))
            {
                var same = SharedUntil(earlier.Cues, rendering.Cues);
                foreach (var (index, _) in earlier.Checkpoints.Where(c => c.Value.Made <= earlier.Frames.Count
                    && source[Math.Max(c.Key - 1, 0)].Ticket.Captured - source[0].Ticket.Captured < same))
                {
                    if (index > best && index <= rendering.End)
                        (best, from) = (index, earlier);
                }
            }
            memory = from?.Checkpoints[best].Memory;
            if (from is null)
                return first;
            rendering.Frames.AddRange(from.Frames.Take(from.Checkpoints[best].Made));
            foreach (var checkpoint in from.Checkpoints.Where(c => c.Key < best))
                rendering.Checkpoints[checkpoint.Key] = checkpoint.Value;
            return best;
        }
    }

    /// <summary>Keeps a rendering, and drops the oldest ones beyond the limits.</summary>
    public void Keep(Rendering rendering)
    {
        lock (_gate)
        {
            _rendered.AddFirst(rendering);
            if (_rendered.Count > MaxRendered)
                _rendered.RemoveLast();
            DropBeyond(MaxFrameBytes);
            // Revisions share the memories that they took over, so a memory counts once.
            var kept = new HashSet<ModelState>(ReferenceEqualityComparer.Instance);
            var bytes = 0L;
            foreach (var each in _rendered)
            {
                bytes += each.Checkpoints.Values.Select(c => c.Memory).Where(kept.Add).Sum(m => (long)m.Bytes.Length);
                if (bytes > MaxCheckpointBytes)
                    each.Checkpoints.Clear();
            }
        }
    }

    // Revisions share the frames that they took over, so a frame counts once.
    private void DropBeyond(long most)
    {
        var counted = new HashSet<byte[]>(ReferenceEqualityComparer.Instance);
        var bytes = 0L;
        for (var each = _rendered.First; each is not null;)
        {
            var next = each.Next;
            foreach (var frame in each.Value.Frames)
            {
                if (MemoryMarshal.TryGetArray(frame, out var array) && counted.Add(array.Array!))
                    bytes += frame.Length;
            }
            if (bytes > most && each != _rendered.First)
                _rendered.Remove(each);
            each = next;
        }
    }

    /// <summary>The time from which two schedules differ.</summary>
    private static TimeSpan SharedUntil(ImmutableArray<(TimeSpan At, Prompt Prompt)> a, ImmutableArray<(TimeSpan At, Prompt Prompt)> b)
    {
        var i = 0;
        while (i < a.Length && i < b.Length && a[i].At == b[i].At && a[i].Prompt.Text == b[i].Prompt.Text
            && a[i].Prompt.Transition == b[i].Prompt.Transition
            && a[i].Prompt.Values.Equals(b[i].Prompt.Values))
            i++;
        var nextA = i < a.Length ? a[i].At : TimeSpan.MaxValue;
        var nextB = i < b.Length ? b[i].At : TimeSpan.MaxValue;
        return nextA < nextB ? nextA : nextB;
    }
}
