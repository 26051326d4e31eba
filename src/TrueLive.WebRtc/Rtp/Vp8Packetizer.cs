using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtp;

/// <summary>Cuts one VP8 frame into RTP payloads of about equal size, each with a 15-bit picture id (RFC 7741 section 4.2).</summary>
internal ref struct Vp8Packetizer(ReadOnlySpan<byte> frame, int pictureId)
{
    private const int Descriptor = 4;
    private ReadOnlySpan<byte> _rest = frame;
    private bool _begun;

    /// <summary>Nothing is left to send.</summary>
    public readonly bool AtEnd => _rest.IsEmpty;

    /// <summary>Writes the next payload and returns its length. Call only while not <see cref="AtEnd"/>.</summary>
    public int Next(scoped Span<byte> payload)
    {
        var room = payload.Length - Descriptor;
        var pieces = (_rest.Length + room - 1) / room;
        var length = (_rest.Length + pieces - 1) / pieces;
        payload[0] = (byte)(_begun ? 0x80 : 0x90);
        payload[1] = 0x80;
        BinaryPrimitives.WriteUInt16BigEndian(payload[2..], (ushort)(0x8000 | (pictureId & 0x7FFF)));
        _rest[..length].CopyTo(payload[Descriptor..]);
        _rest = _rest[length..];
        _begun = true;
        return Descriptor + length;
    }
}
