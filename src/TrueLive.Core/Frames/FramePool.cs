using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace TrueLive.Core.Frames;

/// <summary>
/// Rents frames and takes them back. Keeps at most <see cref="Capacity"/> idle frames over all sizes; beyond that a returned frame replaces
/// an idle one of another size, or is left to the garbage collector. Thread-safe.
/// </summary>
/// <param name="purpose">What the frames are for: the metric <c>truelive.frames.rented</c> counts by it, so that a leak shows where it
/// is.</param>
/// <param name="capacity">Idle frames kept.</param>
public sealed class FramePool(string purpose, int capacity = 16)
{
    // Bound: one entry for each place in the code that makes pools.
    private static readonly ConcurrentDictionary<string, StrongBox<int>> ByPurpose = new();

    // The longest idle first. Nearly always all have one size, so a search ends at once.
    private readonly List<VideoFrame> _idle = new(capacity);
    private readonly StrongBox<int> _rentedForPurpose = ByPurpose.GetOrAdd(purpose, _ => new StrongBox<int>());
    private int _rented;

    /// <summary>Idle frames kept at most.</summary>
    public int Capacity { get; } = capacity;

    /// <summary>Frames handed out and not yet returned; anything but 0 at rest is a leak.</summary>
    public int Rented => Volatile.Read(ref _rented);

    /// <summary>A frame with one holder. Its samples are whatever the last user left.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A side is not within 1..8192.</exception>
    public VideoFrame Rent(int width, int height)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(width, 8192);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(height, 8192);
        var frame = TakeIdle(width, height)
            ?? new VideoFrame(this, GC.AllocateUninitializedArray<byte>(SizeOf(width, height), pinned: true), width, height);
        frame.Colour = ColourSpace.Bt601Limited;
        frame.Ticket = default;
        frame.Hand();
        Interlocked.Increment(ref _rented);
        Interlocked.Increment(ref _rentedForPurpose.Value);
        return frame;
    }

    /// <summary>Frames handed out by all pools of the process and not yet returned, by purpose.</summary>
    internal static IEnumerable<(string Purpose, int Frames)> RentedByPurpose =>
        ByPurpose.Select(p => (p.Key, Volatile.Read(ref p.Value.Value)));

    internal static int Align(int width) => (width + 63) & ~63;

    internal void Return(VideoFrame frame)
    {
        Interlocked.Decrement(ref _rented);
        Interlocked.Decrement(ref _rentedForPurpose.Value);
        lock (_idle)
        {
            if (_idle.Count < Capacity || MakePlace(frame.Width, frame.Height))
                _idle.Add(frame);
        }
    }

    private VideoFrame? TakeIdle(int width, int height)
    {
        lock (_idle)
        {
            for (var i = _idle.Count - 1; i >= 0; i--)
            {
                var frame = _idle[i];
                if (frame.Width != width || frame.Height != height)
                    continue;
                _idle.RemoveAt(i);
                return frame;
            }
        }
        return null;
    }

    private bool MakePlace(int width, int height)
    {
        for (var i = 0; i < _idle.Count; i++)
        {
            if (_idle[i].Width == width && _idle[i].Height == height)
                continue;
            _idle.RemoveAt(i);
            return true;
        }
        return false;
    }

    // The SIMD loops may read a full vector past the last row.
    private static int SizeOf(int width, int height) =>
        Align(width) * height + 2 * Align((width + 1) / 2) * ((height + 1) / 2) + 64;
}
