using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Cuts one access unit (Annex B) into RTP payloads: single NAL unit, STAP-A and FU-A packets (RFC 6184 sections 5.6, 5.7.1, 5.8).
/// Access unit delimiters and filler data are left out; they carry no picture.
/// </summary>
internal ref struct H264Packetizer
{
    private const byte StapA = 24;
    private const byte FuA = 28;
    private AnnexB _units;
    private ReadOnlySpan<byte> _unit;
    private ReadOnlySpan<byte> _ahead;
    private byte _fragmented;

    public H264Packetizer(ReadOnlySpan<byte> accessUnit)
    {
        _units = new AnnexB(accessUnit);
        _unit = Read();
        _ahead = Read();
    }

    /// <summary>Nothing is left to send.</summary>
    public readonly bool AtEnd => _unit.IsEmpty;

    /// <summary>Writes the next payload and returns its length. Call only while not <see cref="AtEnd"/>.</summary>
    public int Next(scoped Span<byte> payload)
    {
        if (_fragmented != 0 || _unit.Length > payload.Length)
            return Fragment(payload);

        if (_ahead.IsEmpty || 5 + _unit.Length + _ahead.Length > payload.Length)
        {
            _unit.CopyTo(payload);
            var length = _unit.Length;
            Advance();
            return length;
        }

        var used = 1;
        var importance = 0;
        do
        {
            importance = Math.Max(importance, _unit[0] & 0x60);
            BinaryPrimitives.WriteUInt16BigEndian(payload[used..], (ushort)_unit.Length);
            _unit.CopyTo(payload[(used + 2)..]);
            used += 2 + _unit.Length;
            Advance();
        }
        while (!_unit.IsEmpty && used + 2 + _unit.Length <= payload.Length);
        payload[0] = (byte)(importance | StapA);
        return used;
    }

    private int Fragment(scoped Span<byte> payload)
    {
        var start = _fragmented == 0;
        if (start)
        {
            _fragmented = _unit[0];
            _unit = _unit[1..];
        }

        // Equal shares: a short last packet costs as much header as a full one.
        var room = payload.Length - 2;
        var pieces = (_unit.Length + room - 1) / room;
        var length = (_unit.Length + pieces - 1) / pieces;
        payload[0] = (byte)((_fragmented & 0x60) | FuA);
        payload[1] = (byte)((start ? 0x80 : 0) | (pieces == 1 ? 0x40 : 0) | (_fragmented & 0x1F));
        _unit[..length].CopyTo(payload[2..]);
        _unit = _unit[length..];
        if (_unit.IsEmpty)
        {
            _fragmented = 0;
            Advance();
        }

        return 2 + length;
    }

    private void Advance()
    {
        _unit = _ahead;
        _ahead = Read();
    }

    private ReadOnlySpan<byte> Read()
    {
        while (_units.MoveNext())
        {
            if ((_units.Current[0] & 0x1F) is not (9 or 12))
                return _units.Current;
        }

        return default;
    }
}
