using System.Buffers.Binary;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// Filters datagrams before BouncyCastle's record layer (RFC 6347 section 4.1), which does not tolerate some of them. A record of an
/// impossible
/// version, and an encrypted one too short to hold nonce and tag, end the session for it, so anybody could with one forged datagram. A
/// client's ChangeCipherSpec while the record before it is missing makes it refuse that message's retransmission, so one lost or late
/// CertificateVerify would cost the handshake; the client's next flight brings both again. A server's ChangeCipherSpec begins its
/// flight and needs no such care.
/// </summary>
internal sealed class RecordGate
{
    private const int RecordHeader = 13;
    private const byte ChangeCipherSpec = 20;

    // The longest flight has six records in a datagram. Each empty record would cost an exception in the record layer.
    private const int MaxRecords = 16;

    // A first ClientHello may carry the older version (RFC 6347 section 4.2.1).
    private const ushort Dtls12 = 0xFEFD;
    private const ushort Dtls10 = 0xFEFF;
    private readonly ReplayWindow _seen = new();

    /// <summary>Bytes of the datagram, whole records, that may go on to the record layer now.</summary>
    /// <param name="datagram">As it came.</param>
    /// <param name="clientFlight">Comes from a client whose handshake is under way.</param>
    public int Admit(ReadOnlySpan<byte> datagram, bool clientFlight)
    {
        var at = 0;
        for (var count = 0; datagram.Length - at >= RecordHeader; count++)
        {
            if (count == MaxRecords)
                return at;

            var record = datagram[at..];
            if (BinaryPrimitives.ReadUInt16BigEndian(record[1..]) is not (Dtls12 or Dtls10))
                return at;

            int length = BinaryPrimitives.ReadUInt16BigEndian(record[11..]);
            // The epoch is the upper 16 bits of these 64; only epoch 0 goes in the clear.
            var number = BinaryPrimitives.ReadUInt64BigEndian(record[3..]);
            if (number >> 48 != 0)
            {
                if (length < DtlsHandshake.CipherOverhead)
                    return at;
            }
            else if (clientFlight)
            {
                if (record[0] == ChangeCipherSpec && number > 0 && _seen.IsFresh(number - 1))
                    return at;

                if (RecordHeader + length <= record.Length)
                    _seen.Mark(number);
            }

            at += Math.Min(RecordHeader + length, record.Length);
        }

        return datagram.Length;
    }
}
