using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;

namespace TrueLive.WebRtc.Stun;

/// <summary>
/// Writes one Binding message into a caller's buffer (RFC 8489 sections 5 and 14). Integrity, then fingerprint, come last.
/// </summary>
internal ref struct StunWriter
{
    private readonly Span<byte> _buffer;
    private int _length;

    /// <param name="buffer">At least <see cref="StunMessage.MaxLength"/> bytes.</param>
    /// <param name="kind">Class of the message.</param>
    /// <param name="transactionId">12 bytes.</param>
    public StunWriter(Span<byte> buffer, StunClass kind, ReadOnlySpan<byte> transactionId)
    {
        _buffer = buffer;
        _length = StunMessage.HeaderLength;
        var c = (int)kind;
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)(1 | ((c & 1) << 4) | ((c & 2) << 7)));
        BinaryPrimitives.WriteUInt32BigEndian(buffer[4..], StunMessage.MagicCookie);
        transactionId.CopyTo(buffer[8..]);
    }

    public void Bytes(StunAttribute attribute, scoped ReadOnlySpan<byte> value)
    {
        value.CopyTo(Reserve(attribute, value.Length));
    }

    public void Flag(StunAttribute attribute) => Reserve(attribute, 0);

    public void UInt32(StunAttribute attribute, uint value) => BinaryPrimitives.WriteUInt32BigEndian(Reserve(attribute, 4), value);

    public void UInt64(StunAttribute attribute, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Reserve(attribute, 8), value);

    /// <summary>ERROR-CODE without a phrase.</summary>
    public void Error(int code)
    {
        var value = Reserve(StunAttribute.ErrorCode, 4);
        value.Clear();
        value[2] = (byte)(code / 100);
        value[3] = (byte)(code % 100);
    }

    public void MappedAddress(IPEndPoint address)
    {
        var ip = address.Address.IsIPv4MappedToIPv6 ? address.Address.MapToIPv4() : address.Address;
        Span<byte> raw = stackalloc byte[16];
        ip.TryWriteBytes(raw, out var length);
        var value = Reserve(StunAttribute.XorMappedAddress, 4 + length);
        value[0] = 0;
        value[1] = (byte)(length == 4 ? 1 : 2);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], (ushort)(address.Port ^ (int)(StunMessage.MagicCookie >> 16)));
        for (var i = 0; i < length; i++)
            value[4 + i] = (byte)(raw[i] ^ _buffer[4 + i]);
    }

    /// <summary>Adds MESSAGE-INTEGRITY (when a password is given) and FINGERPRINT; returns the finished message.</summary>
    public ReadOnlySpan<byte> Finish(ReadOnlySpan<byte> password)
    {
        if (!password.IsEmpty)
        {
            var covered = _length;
            var mac = Reserve(StunAttribute.MessageIntegrity, StunMessage.IntegrityLength);
            WriteLength();
#pragma warning disable CA5350 // RFC 8445 section 7 prescribes HMAC-SHA1 for ICE.
            HMACSHA1.HashData(password, _buffer[..covered], mac);
#pragma warning restore CA5350
        }

        var end = _length;
        var crc = Reserve(StunAttribute.Fingerprint, 4);
        WriteLength();
        BinaryPrimitives.WriteUInt32BigEndian(crc, Crc32.Of(_buffer[..end]) ^ StunMessage.FingerprintXor);
        return _buffer[.._length];
    }

    private readonly void WriteLength() =>
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[2..], (ushort)(_length - StunMessage.HeaderLength));

    private Span<byte> Reserve(StunAttribute attribute, int length)
    {
        var padded = (length + 3) & ~3;
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[_length..], (ushort)attribute);
        BinaryPrimitives.WriteUInt16BigEndian(_buffer[(_length + 2)..], (ushort)length);
        var value = _buffer.Slice(_length + 4, padded);
        value[length..].Clear();
        _length += 4 + padded;
        return value[..length];
    }
}
