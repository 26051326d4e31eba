using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Workers;

/// <summary>The tickets of frames that a worker holds, by the number of the step that sent them.</summary>
internal sealed class WorkerTickets
{
    // More than the longest chunk and lag together need.
    private const int Kept = 4 * Chunk.MaxFrames;

    private readonly FrameTicket[] _ring = new FrameTicket[Kept];
    private long _count;
    private long _due;

    /// <summary>Number of frames added so far.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>Adds the ticket of a frame and returns the number of its step.</summary>
    public long Add(in FrameTicket ticket)
    {
        _ring[_count % Kept] = ticket;
        return _count++;
    }

    /// <summary>The ticket of a returned frame; null if the worker does not hold it, or has already returned a later one.</summary>
    public FrameTicket? Take(long step)
    {
        if (step < Math.Max(_due, _count - Kept) || step >= _count)
            return null;
        // A frame may yield several pictures.
        _due = step;
        return _ring[step % Kept];
    }

    /// <summary>Forgets all frames that the worker holds.</summary>
    public void Forget() => _due = _count;

    /// <summary>Serialises the tickets of held frames, followed by the worker's own bytes.</summary>
    public byte[] Write(ReadOnlyMemory<byte> own)
    {
        using var bytes = new MemoryStream();
        using var to = new BinaryWriter(bytes);
        var first = Math.Max(_due, _count - Kept);
        to.Write(_count);
        to.Write((int)(_count - first));
        for (var step = first; step < _count; step++)
        {
            var t = _ring[step % Kept];
            to.Write(t.SourceSequence);
            to.Write(t.Captured.Ticks);
            to.Write(t.MediaTime);
        }
        to.Write(own.Span);
        return bytes.ToArray();
    }

    /// <summary>Restores the tickets that <see cref="Write"/> wrote, and returns the worker's own bytes.</summary>
    /// <exception cref="ArgumentException">The bytes were not written by <see cref="Write"/>.</exception>
    public ReadOnlyMemory<byte> Read(ReadOnlyMemory<byte> bytes)
    {
        using var from = new BinaryReader(new MemoryStream(bytes.ToArray()));
        try
        {
            var (count, inside) = (from.ReadInt64(), from.ReadInt32());
            if (inside is < 0 or > Kept || inside > count)
                throw new ArgumentException("The memory is damaged.", nameof(bytes));
            (_count, _due) = (count, count - inside);
            for (var step = _due; step < count; step++)
                _ring[step % Kept] = new FrameTicket(from.ReadInt64(), TimeSpan.FromTicks(from.ReadInt64()), 0, from.ReadUInt32());
            return bytes[(int)from.BaseStream.Position..];
        }
        catch (EndOfStreamException e)
        {
            throw new ArgumentException("The memory is damaged.", nameof(bytes), e);
        }
    }
}
