using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtp;

/// <summary>Whether decoding can start at an H.264 payload.</summary>
internal enum H264Start : byte
{
    None,

    /// <summary>The first slice of an IDR picture, or a recovery point, with no parameter sets in this packet.</summary>
    Bare,

    /// <summary>A sequence parameter set: the picture needs nothing before it.</summary>
    WithSets,
}

/// <summary>Looks into H.264 payloads (RFC 6184 section 5.2) and supplemental messages (ITU-T H.264 section 7.3.2.3.1).</summary>
internal static class H264Payload
{
    private const int RecoveryPointMessage = 6;

    public static H264Start Start(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 3)
            return H264Start.None;

        switch (payload[0] & 0x1F)
        {
            case 24:
                var found = H264Start.None;
                for (var units = payload[1..]; units.Length > 2;)
                {
                    var length = BinaryPrimitives.ReadUInt16BigEndian(units);
                    var unit = units.Slice(2, Math.Min(length, units.Length - 2));
                    found = (H264Start)Math.Max((byte)found, (byte)OfUnit(unit));
                    units = units[(2 + unit.Length)..];
                }

                return found;
            case 28:
                // A slice whose first_mb_in_slice is 0 has its first bit set (ue(v) of 0).
                return (payload[1] & 0x9F) == 0x85 && (payload[2] & 0x80) != 0 ? H264Start.Bare : H264Start.None;
            default:
                return OfUnit(payload);
        }
    }

    /// <summary>The payload holds an IDR slice, or begins one.</summary>
    public static bool HoldsIdr(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 2)
            return false;

        var kind = payload[0] & 0x1F;
        if (kind != 24)
            return kind == 5 || (kind == 28 && (payload[1] & 0x1F) == 5);

        for (var units = payload[1..]; units.Length > 2;)
        {
            if ((units[2] & 0x1F) == 5)
                return true;

            units = units[Math.Min(units.Length, 2 + BinaryPrimitives.ReadUInt16BigEndian(units))..];
        }

        return false;
    }

    /// <summary>
    /// The unit announces that pictures are right again some frames on (ITU-T H.264 section D.1.8): how streams without IDR pictures let
    /// a receiver in.
    /// </summary>
    public static bool IsRecoveryPoint(ReadOnlySpan<byte> unit)
    {
        if (unit.IsEmpty || (unit[0] & 0x1F) != 6)
            return false;

        for (var rest = unit[1..]; rest.Length > 2;)
        {
            var kind = Number(ref rest);
            var size = Number(ref rest);
            if (kind == RecoveryPointMessage)
                return true;

            if (size >= rest.Length)
                break;

            rest = rest[size..];
        }

        return false;
    }

    private static H264Start OfUnit(ReadOnlySpan<byte> unit) => unit.Length < 2 ? H264Start.None : (unit[0] & 0x1F) switch
    {
        7 => H264Start.WithSets,
        5 when (unit[1] & 0x80) != 0 => H264Start.Bare,
        6 when IsRecoveryPoint(unit) => H264Start.Bare,
        _ => H264Start.None,
    };

    private static int Number(ref ReadOnlySpan<byte> rest)
    {
        var value = 0;
        while (!rest.IsEmpty)
        {
            var next = rest[0];
            rest = rest[1..];
            value += next;
            if (next != 255)
                break;
        }

        return value;
    }
}
