using System.Buffers.Binary;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Congestion;

/// <summary>
/// Receiving side of transport-wide congestion control: records the arrival of each packet and writes the feedback
/// (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). Times in microseconds.
/// </summary>
internal sealed class ArrivalLog
{
    private const int Size = 8192;
    // Worst case two bytes of delta and about a third of a byte of chunk for each packet: fits one RTCP packet.
    private const int MaxStatuses = 450;
    private const long DeltaUnit = 250;
    private const long ReferenceUnit = 64_000;

    private readonly long[] _sequence = new long[Size];
    private readonly long[] _arrival = new long[Size];
    private readonly byte[] _symbols = new byte[MaxStatuses];
    private readonly short[] _deltas = new short[MaxStatuses];
    private Unwrapper _unwrapper = new(16);
    private long _next;
    private long _highest;
    private byte _count;

    /// <summary>Packets have arrived since the last feedback.</summary>
    public bool HasNews => _highest != 0 && _next <= _highest;

    public void Add(ushort sequence, Instant now)
    {
        var extended = _unwrapper.Unwrap(sequence);
        if (_highest == 0)
            _next = _highest = extended;

        if (extended > _highest)
        {
            _highest = extended;
            _next = Math.Max(_next, extended - Size / 2);
        }
        else if (extended <= _highest - Size / 2)
        {
            return;
        }

        var slot = extended & (Size - 1);
        if (_sequence[slot] == extended)
            return;

        // A late packet was already reported as missing: report from there again.
        _next = Math.Min(_next, extended);
        (_sequence[slot], _arrival[slot]) = (extended, now.Microseconds);
    }

    /// <summary>Writes one feedback packet about the arrivals since the last one; call while it returns true.</summary>
    public bool Write(ref RtcpWriter writer, uint sender, uint media)
    {
        while (_next <= _highest && !Has(_next))
            _next++;

        if (!HasNews)
            return false;

        var first = _next;
        var reference = _arrival[first & (Size - 1)] / ReferenceUnit;
        var clock = reference * ReferenceUnit / DeltaUnit;
        int count = 0, deltaBytes = 0;
        for (; _next <= _highest && count < MaxStatuses; _next++, count++)
        {
            if (!Has(_next))
            {
                _symbols[count] = 0;
                continue;
            }

            var delta = _arrival[_next & (Size - 1)] / DeltaUnit - clock;
            if (delta is < short.MinValue or > short.MaxValue)
                break;

            clock += delta;
            _deltas[count] = (short)delta;
            _symbols[count] = (byte)(delta is >= 0 and <= 255 ? 1 : 2);
            deltaBytes += _symbols[count];
        }

        var symbols = _symbols.AsSpan(0, count);
        Span<byte> chunks = stackalloc byte[2 * MaxStatuses];
        var chunkBytes = WriteChunks(symbols, chunks);
        var size = (20 + chunkBytes + deltaBytes + 3) & ~3;
        if (!writer.Begin(RtcpType.TransportFeedback, 15, size, out var packet))
        {
            _next = first;
            return false;
        }

        packet[4..].Clear();
        BinaryPrimitives.WriteUInt32BigEndian(packet[4..], sender);
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], media);
        BinaryPrimitives.WriteUInt16BigEndian(packet[12..], (ushort)first);
        BinaryPrimitives.WriteUInt16BigEndian(packet[14..], (ushort)count);
        BinaryPrimitives.WriteInt32BigEndian(packet[16..], (int)(reference & 0xFFFFFF) << 8);
        packet[19] = _count++;
        chunks[..chunkBytes].CopyTo(packet[20..]);
        var offset = 20 + chunkBytes;
        for (var i = 0; i < count; i++)
        {
            if (symbols[i] == 1)
            {
                packet[offset++] = (byte)_deltas[i];
            }
            else if (symbols[i] == 2)
            {
                BinaryPrimitives.WriteInt16BigEndian(packet[offset..], _deltas[i]);
                offset += 2;
            }
        }

        return true;
    }

    private bool Has(long sequence) => _sequence[sequence & (Size - 1)] == sequence;

    private static int WriteChunks(ReadOnlySpan<byte> symbols, Span<byte> chunks)
    {
        var length = 0;
        while (!symbols.IsEmpty)
        {
            var run = symbols.IndexOfAnyExcept(symbols[0]);
            run = run < 0 ? symbols.Length : run;
            int chunk, taken;
            if (run > 7 || run == symbols.Length)
            {
                taken = run;
                chunk = (symbols[0] << 13) | run;
            }
            else
            {
                // A vector of 14 one-bit or 7 two-bit symbols.
                var wide = symbols[..Math.Min(14, symbols.Length)].Contains((byte)2);
                taken = Math.Min(wide ? 7 : 14, symbols.Length);
                chunk = wide ? 0xC000 : 0x8000;
                for (var i = 0; i < taken; i++)
                    chunk |= symbols[i] << (wide ? 12 - 2 * i : 13 - i);
            }

            BinaryPrimitives.WriteUInt16BigEndian(chunks[length..], (ushort)chunk);
            length += 2;
            symbols = symbols[taken..];
        }

        return length;
    }
}
