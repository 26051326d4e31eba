using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Workers;

/// <summary>The tickets of frames that are in a worker, by the number of the step that took them.</summary>
internal sealed class WorkerTickets
{
    // More than the longest chunk and lag together hold.
    private const int Kept = 4 * Chunk.MaxFrames;

    private readonly FrameTicket[] _ring = new FrameTicket[Kept];
    private long _count;
    private long _due;

    /// <summary>Frames that went in.</summary>
    public long Count => Volatile.Read(ref _count);

    /// <summary>A frame goes in; the number of its step.</summary>
    public long Add(in FrameTicket ticket)
    {
        _ring[_count % Kept] = ticket;
        return _count++;
    }

    /// <summary>The ticket of a frame that comes out; null where it is not inside, or comes before one that came out already.</summary>
    public FrameTicket? Take(long step)
    {
        if (step < Math.Max(_due, _count - Kept) || step >= _count)
            return null;
        // Several pictures may be of one frame.
        _due = step;
        return _ring[step % Kept];
    }

    /// <summary>Nothing is inside any more.</summary>
    public void Forget() => _due = _count;

    /// <summary>What is inside, and a worker's own bytes behind it.</summary>
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

    /// <summary>Takes over what was written, and gives the worker's own bytes.</summary>
    /// <exception cref="ArgumentException">It was not written so.</exception>
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
