using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>What a mask does at the moment.</summary>
/// <param name="P50">Median time that it takes, as a part of the step.</param>
/// <param name="Nobody">No person was seen in the last frame.</param>
public sealed record MaskStats(TimeSpan P50, bool Nobody);

/// <summary>The last frames that were made with a mask.</summary>
internal sealed class MaskWindow(TimeProvider time)
{
    private const int Size = 64;

    private readonly long[] _ticks = new long[Size];
    private FrameMask? _last;
    private int _count;

    /// <summary>Takes the mask of the last frame that was sent.</summary>
    public void Add(FrameMask? mask)
    {
        _last = mask;
        if (mask is { } made)
            _ticks[_count++ % Size] = made.Ticks;
        else
            _count = 0;
    }

    /// <summary>Null while no mask is in force.</summary>
    public MaskStats? Snapshot()
    {
        if (_last is not { } last)
            return null;
        Span<long> sorted = stackalloc long[Math.Min(_count, Size)];
        _ticks.AsSpan(0, sorted.Length).CopyTo(sorted);
        sorted.Sort();
        return new MaskStats(time.GetElapsedTime(0, sorted[sorted.Length / 2]), last.Person < FrameMask.Nobody);
    }
}
