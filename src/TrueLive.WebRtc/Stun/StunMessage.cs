using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Stun;

/// <summary>
/// A received STUN message (RFC 8489 section 5), read in place. Only Binding messages of at most
/// <see cref="MaxLength"/> bytes parse; attribute boundaries are checked once, in <see cref="TryParse"/>.
/// </summary>
internal readonly ref struct StunMessage
{
    public const int HeaderLength = 20;
    public const int MaxLength = 1280;
    public const uint MagicCookie = 0x2112_A442;
    public const uint FingerprintXor = 0x5354_554E;
    public const int IntegrityLength = 20;

    private readonly ReadOnlySpan<byte> _bytes;

    // Offset of the attribute header of MESSAGE-INTEGRITY; 0 when absent. What lies between it and FINGERPRINT is ignored (section 14.5).
    private readonly int _integrityAt;
    private readonly int _end;

    private StunMessage(ReadOnlySpan<byte> bytes, StunClass kind, int integrityAt, int end, ushort unknownRequired)
    {
        _bytes = bytes;
        Class = kind;
        _integrityAt = integrityAt;
        _end = end;
        UnknownRequired = unknownRequired;
    }

    public StunClass Class { get; }

    public ReadOnlySpan<byte> TransactionId => _bytes.Slice(8, 12);

    /// <summary>First comprehension-required attribute that is not understood; 0 when none (section 6.3.1).</summary>
    public ushort UnknownRequired { get; }

    public bool HasIntegrity => _integrityAt != 0;

    /// <summary>The USERNAME bytes; empty when absent.</summary>
    public ReadOnlySpan<byte> Username => Find(StunAttribute.Username);

    public uint? Priority => Find(StunAttribute.Priority) is { Length: 4 } value ? BinaryPrimitives.ReadUInt32BigEndian(value) : null;

    public bool UseCandidate => Has(StunAttribute.UseCandidate);

    public ulong? Controlling =>
        Find(StunAttribute.IceControlling) is { Length: 8 } value ? BinaryPrimitives.ReadUInt64BigEndian(value) : null;

    public ulong? Controlled =>
        Find(StunAttribute.IceControlled) is { Length: 8 } value ? BinaryPrimitives.ReadUInt64BigEndian(value) : null;

    /// <summary>Class and number of ERROR-CODE; 0 when absent (section 14.8).</summary>
    public int ErrorCode => Find(StunAttribute.ErrorCode) is { Length: >= 4 } value ? ((value[2] & 7) * 100) + value[3] : 0;

    /// <summary>Reflexive address, null when absent or malformed (section 14.2).</summary>
    public IPEndPoint? MappedAddress
    {
        get
        {
            var value = Find(StunAttribute.XorMappedAddress);
            var length = value.Length switch { 8 when value[1] == 1 => 4, 20 when value[1] == 2 => 16, _ => 0 };
            if (length == 0)
                return null;

            Span<byte> address = stackalloc byte[length];
            for (var i = 0; i < length; i++)
                address[i] = (byte)(value[4 + i] ^ _bytes[4 + i]);

            return new IPEndPoint(new IPAddress(address), BinaryPrimitives.ReadUInt16BigEndian(value[2..]) ^ (int)(MagicCookie >> 16));
        }
    }

    /// <summary>True when the first byte and the cookie say STUN, as RFC 9443 section 2 and RFC 8489 section 5 tell it apart.</summary>
    public static bool LooksLikeStun(ReadOnlySpan<byte> packet) =>
        packet.Length >= HeaderLength && packet[0] < 4 && BinaryPrimitives.ReadUInt32BigEndian(packet[4..]) == MagicCookie;

    /// <summary>Parses a Binding message; FINGERPRINT, when there, must be right and last.</summary>
    public static bool TryParse(ReadOnlySpan<byte> packet, out StunMessage message)
    {
        message = default;
        if (!LooksLikeStun(packet) || packet.Length > MaxLength)
            return false;

        var type = BinaryPrimitives.ReadUInt16BigEndian(packet);
        if ((type & 0x3EEF) != 1 || BinaryPrimitives.ReadUInt16BigEndian(packet[2..]) != packet.Length - HeaderLength
            || (packet.Length & 3) != 0)
            return false;

        var kind = (StunClass)(((type & 0x100) >> 7) | ((type & 0x10) >> 4));
        var integrityAt = 0;
        ushort unknown = 0;
        var end = packet.Length;
        for (var at = HeaderLength; at < packet.Length;)
        {
            var attribute = (StunAttribute)BinaryPrimitives.ReadUInt16BigEndian(packet[at..]);
            var length = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]);
            var next = at + 4 + ((length + 3) & ~3);
            if (next > packet.Length)
                return false;

            if (attribute == StunAttribute.Fingerprint)
            {
                if (length != 4 || next != packet.Length || BinaryPrimitives.ReadUInt32BigEndian(packet[(at + 4)..])
                    != (Crc32.Of(packet[..at]) ^ FingerprintXor))
                    return false;

                end = integrityAt == 0 ? at : end;
            }
            else if (integrityAt == 0)
            {
                if (attribute == StunAttribute.MessageIntegrity)
                {
                    if (length != IntegrityLength)
                        return false;

                    integrityAt = at;
                    end = at;
                }
                else if (unknown == 0 && (ushort)attribute < 0x8000 && !IsKnown(attribute))
                {
                    unknown = (ushort)attribute;
                }
            }

            at = next;
        }

        message = new StunMessage(packet, kind, integrityAt, end, unknown);
        return true;
    }

    /// <summary>Checks MESSAGE-INTEGRITY with a short-term credential (sections 9.1 and 14.5), in constant time.</summary>
    public bool IsAuthentic(ReadOnlySpan<byte> password)
    {
        if (_integrityAt == 0)
            return false;

        // The HMAC covers a header whose length ends with MESSAGE-INTEGRITY.
        Span<byte> covered = stackalloc byte[MaxLength];
        _bytes[.._integrityAt].CopyTo(covered);
        BinaryPrimitives.WriteUInt16BigEndian(covered[2..], (ushort)(_integrityAt - HeaderLength + 4 + IntegrityLength));
        Span<byte> mac = stackalloc byte[IntegrityLength];
#pragma warning disable CA5350 // RFC 8445 section 7 prescribes HMAC-SHA1 for ICE.
        HMACSHA1.HashData(password, covered[.._integrityAt], mac);
#pragma warning restore CA5350
        return CryptographicOperations.FixedTimeEquals(mac, _bytes.Slice(_integrityAt + 4, IntegrityLength));
    }

    private static bool IsKnown(StunAttribute attribute) => attribute is StunAttribute.Username or StunAttribute.MessageIntegrity
        or StunAttribute.ErrorCode or StunAttribute.UnknownAttributes or StunAttribute.XorMappedAddress or StunAttribute.Priority
        or StunAttribute.UseCandidate or (StunAttribute)0x0001 or (StunAttribute)0x001C;

    private bool Has(StunAttribute wanted) => Locate(wanted) != 0;

    private ReadOnlySpan<byte> Find(StunAttribute wanted)
    {
        var at = Locate(wanted);
        return at == 0 ? default : _bytes.Slice(at + 4, BinaryPrimitives.ReadUInt16BigEndian(_bytes[(at + 2)..]));
    }

    private int Locate(StunAttribute wanted)
    {
        for (var at = HeaderLength; at < _end;)
        {
            if ((StunAttribute)BinaryPrimitives.ReadUInt16BigEndian(_bytes[at..]) == wanted)
                return at;

            at += 4 + ((BinaryPrimitives.ReadUInt16BigEndian(_bytes[(at + 2)..]) + 3) & ~3);
        }

        return 0;
    }
}
