using System.Buffers.Binary;
using System.Security.Cryptography;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// The peer's state, signed and handed to the peer, so that nothing is stored before it comes back (RFC 9260 section 5.1.3).
/// </summary>
/// <param name="PeerTag">The tag that packets to the peer carry.</param>
/// <param name="PeerTsn">The TSN of its first DATA chunk.</param>
/// <param name="PeerWindow">Bytes that it takes.</param>
internal readonly record struct SctpCookie(uint PeerTag, uint PeerTsn, uint PeerWindow)
{
    /// <summary>Bytes of a cookie.</summary>
    public const int Length = Signed + 32;

    private const int Signed = 20;
    private static readonly TimeSpan Life = TimeSpan.FromSeconds(60);

    /// <summary>Writes <see cref="Length"/> bytes.</summary>
    public void Write(Span<byte> to, byte[] secret, Instant now)
    {
        BinaryPrimitives.WriteInt64BigEndian(to, now.Microseconds);
        BinaryPrimitives.WriteUInt32BigEndian(to[8..], PeerTag);
        BinaryPrimitives.WriteUInt32BigEndian(to[12..], PeerTsn);
        BinaryPrimitives.WriteUInt32BigEndian(to[16..], PeerWindow);
        HMACSHA256.HashData(secret, to[..Signed], to[Signed..]);
    }

    /// <summary>Null for one that was not signed with this secret in the last minute.</summary>
    public static SctpCookie? Read(ReadOnlySpan<byte> cookie, byte[] secret, Instant now)
    {
        if (cookie.Length != Length)
            return null;
        Span<byte> signature = stackalloc byte[32];
        HMACSHA256.HashData(secret, cookie[..Signed], signature);
        var made = new Instant(BinaryPrimitives.ReadInt64BigEndian(cookie));
        if (!CryptographicOperations.FixedTimeEquals(signature, cookie[Signed..]) || now > made + Life)
            return null;
        return new SctpCookie(BinaryPrimitives.ReadUInt32BigEndian(cookie[8..]), BinaryPrimitives.ReadUInt32BigEndian(cookie[12..]),
            BinaryPrimitives.ReadUInt32BigEndian(cookie[16..]));
    }
}
