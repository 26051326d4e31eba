using System.Buffers.Binary;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers.Link;

/// <summary>Type of a message on the link to a worker.</summary>
internal enum FrameKind : byte
{
    /// <summary>A control message: JSON.</summary>
    Control,

    /// <summary>Host to worker: a picture is in a slot, or a flush is wanted.</summary>
    Step,

    /// <summary>Worker to host: the result of a step.</summary>
    Made,

    /// <summary>Either way: a session's memory, as the session's number and opaque bytes of the model.</summary>
    State,
}

/// <summary>Header of each message: kind, version, two zero bytes, length. Everything on the link is little-endian.</summary>
internal readonly record struct FrameHead(FrameKind Kind, int Length)
{
    public const int Size = 8;
    public const byte Version = 1;
    public const int MaxControl = 64 << 10;
    public const int MaxState = 64 << 20;

    /// <summary>Reads the header of a message from a worker.</summary>
    /// <param name="head">Its eight bytes.</param>
    /// <param name="expectsState">Whether a session was asked for its memory: only that message may be long.</param>
    /// <exception cref="WorkerException">The header is invalid, or the length is more than such a message may have.</exception>
    public static FrameHead Read(ReadOnlySpan<byte> head, bool expectsState)
    {
        var (kind, length) = ((FrameKind)head[0], BinaryPrimitives.ReadUInt32LittleEndian(head[4..]));
        if (head[1] != Version || head[2] != 0 || head[3] != 0)
            throw new WorkerException($"It sent bytes that are no message of protocol {Version} (its standard output is free, but the " +
                "socket is not).");
        var most = kind switch
        {
            FrameKind.Control => MaxControl,
            FrameKind.Made => MadeMessage.Size + MadeMessage.MaxPictures * MadePicture.Size,
            FrameKind.State => expectsState ? MaxState : 0,
            _ => throw new WorkerException($"It sent a message of kind {head[0]}, which only the host sends or which there is none of."),
        };
        return length <= most ? new FrameHead(kind, (int)length)
            : throw new WorkerException($"It sent a message ({kind}) of {length} bytes; at most {most} are taken.");
    }

    public void Write(Span<byte> to)
    {
        to[..Size].Clear();
        (to[0], to[1]) = ((byte)Kind, Version);
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], Length);
    }
}

/// <summary>A step of a session.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Flush">There is no picture; the worker returns those that it still holds.</param>
/// <param name="Step">Number of the step within the session.</param>
/// <param name="CapturedUs">Time of the picture on its source's timeline, in microseconds.</param>
/// <param name="Revision">Revision of the prompt in force.</param>
internal readonly record struct StepMessage(uint Session, bool Flush, long Step, long CapturedUs, long Revision)
{
    public const int Size = 32;

    public void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(to, Session);
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], Flush ? 1u : 0);
        BinaryPrimitives.WriteInt64LittleEndian(to[8..], Step);
        BinaryPrimitives.WriteInt64LittleEndian(to[16..], CapturedUs);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], Revision);
    }
}

/// <summary>A picture that a worker made.</summary>
/// <param name="Slot">Slot that holds it.</param>
/// <param name="Source">Number of the step whose frame it shows.</param>
/// <param name="Revision">Revision of the prompt that made it.</param>
internal readonly record struct MadePicture(uint Slot, long Source, long Revision)
{
    public const int Size = 24;
}

/// <summary>The result of a step.</summary>
/// <param name="Session">The session's number.</param>
/// <param name="Step">Number of the step.</param>
/// <param name="ComputeUs">Time that the model took, in microseconds, by the worker's own clock.</param>
/// <param name="Count">Pictures that it made.</param>
internal readonly record struct MadeMessage(uint Session, long Step, long ComputeUs, int Count)
{
    public const int Size = 32;
    public const int MaxPictures = 64;

    /// <summary>Reads the message.</summary>
    /// <param name="from">Its bytes.</param>
    /// <param name="pictures">Room for <see cref="MaxPictures"/>.</param>
    /// <exception cref="WorkerException">The length does not match the count.</exception>
    public static MadeMessage Read(ReadOnlySpan<byte> from, Span<MadePicture> pictures)
    {
        var count = from.Length < Size ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(from[24..]);
        if (count > MaxPictures || from.Length != Size + count * MadePicture.Size)
            throw new WorkerException("It sent an answer to a step whose length does not go with its count of pictures.");
        for (var i = 0; i < count; i++)
        {
            var one = from[(Size + i * MadePicture.Size)..];
            pictures[i] = new MadePicture(
                BinaryPrimitives.ReadUInt32LittleEndian(one), BinaryPrimitives.ReadInt64LittleEndian(one[8..]),
                BinaryPrimitives.ReadInt64LittleEndian(one[16..]));
        }
        return new MadeMessage(
            BinaryPrimitives.ReadUInt32LittleEndian(from), BinaryPrimitives.ReadInt64LittleEndian(from[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(from[16..]), (int)count);
    }
}
