using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Sctp;

/// <summary>A message on its way to the peer.</summary>
internal sealed class SctpOutgoingMessage(ushort stream, uint protocol, bool ordered, int? maxRepeats)
{
    public ushort Stream => stream;

    public uint Protocol => protocol;

    public bool Ordered => ordered;

    /// <summary>How often each of its chunks is repeated at most; null for as often as it takes.</summary>
    public int? MaxRepeats => maxRepeats;

    public ushort Sequence { get; set; }

    /// <summary>Its repeats are used up, so the peer is told to skip it.</summary>
    public bool GivenUp { get; set; }
}

/// <summary>A part of a message that fits one packet. Used again for another one, with its buffer.</summary>
internal sealed class SctpOutgoingChunk
{
    private byte[] _bytes = [];

    public SctpOutgoingMessage Message { get; private set; } = null!;

    public byte Flags { get; private set; }

    public ReadOnlyMemory<byte> Data { get; private set; }

    public uint Tsn { get; set; }

    public bool Sent { get; set; }

    public bool InFlight { get; set; }

    public bool Acked { get; set; }

    public bool Resend { get; set; }

    public int Repeats { get; set; }

    /// <summary>Reports in which it was missing while later ones had arrived.</summary>
    public int Missing { get; set; }

    public Instant SentAt { get; set; }

    /// <summary>Makes it a part of a message; the data is copied.</summary>
    public void Begin(SctpOutgoingMessage message, byte flags, ReadOnlySpan<byte> data)
    {
        if (_bytes.Length < data.Length)
            _bytes = new byte[data.Length];
        data.CopyTo(_bytes);
        (Message, Flags, Data) = (message, flags, _bytes.AsMemory(0, data.Length));
        (Tsn, Sent, InFlight, Acked, Resend, Repeats, Missing, SentAt) = (0, false, false, false, false, 0, 0, default);
    }
}
