using System.Buffers.Binary;

namespace TrueLive.WebRtc.Transport;

/// <summary>
/// Splits a TCP stream into datagrams, each preceded by its length in two bytes (RFC 4571 section 2, RFC 6544 section
/// 3). Holds one datagram that is not whole yet, at most.
/// </summary>
internal sealed class TcpFrames
{
    /// <summary>Longest datagram; a longer one ends the connection.</summary>
    public const int MaxDatagram = 2047;

    private readonly byte[] _buffer = new byte[16 * 1024];
    private int _filled;

    public delegate void DatagramIn(Span<byte> datagram);

    /// <summary>Where the next bytes go; never empty.</summary>
    public Memory<byte> Free => _buffer.AsMemory(_filled);

    /// <summary>
    /// So many bytes were written to <see cref="Free"/>. False when a datagram is too long: nothing after it can be found.
    /// </summary>
    public bool Received(int count, DatagramIn received)
    {
        _filled += count;
        var at = 0;
        while (_filled - at >= 2)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(_buffer.AsSpan(at));
            if (length > MaxDatagram)
                return false;
            if (_filled - at - 2 < length)
                break;
            received(_buffer.AsSpan(at + 2, length));
            at += 2 + length;
        }
        _buffer.AsSpan(at, _filled - at).CopyTo(_buffer);
        _filled -= at;
        return true;
    }
}
