using System.Buffers.Binary;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Dtls;

/// <summary>
/// Keeps a client's ChangeCipherSpec back while the record before it is missing (RFC 6347 sections 4.1 and 4.2.4). BouncyCastle moves to the
/// next epoch on any ChangeCipherSpec and then refuses the lost message's retransmission, so one lost or late CertificateVerify would
/// cost the handshake. What is kept back comes again with the client's next flight. A server's ChangeCipherSpec begins its flight and
/// needs no such care.
/// </summary>
internal struct FlightOrder
{
    private const int RecordHeader = 13;
    private const byte ChangeCipherSpec = 20;
    private ReplayWindow _seen;

    /// <summary>Bytes of the datagram, whole records, that may go on to the record layer now.</summary>
    public int Admit(ReadOnlySpan<byte> datagram)
    {
        var at = 0;
        while (datagram.Length - at >= RecordHeader)
        {
            var record = datagram[at..];
            var length = RecordHeader + BinaryPrimitives.ReadUInt16BigEndian(record[11..]);
            // The epoch is the upper 16 bits of these 64; only epoch 0 goes in the clear.
            var number = BinaryPrimitives.ReadUInt64BigEndian(record[3..]);
            if (number >> 48 == 0)
            {
                if (record[0] == ChangeCipherSpec && number > 0 && _seen.IsFresh(number - 1))
                {
                    return at;
                }

                if (length <= record.Length)
                {
                    _seen.Mark(number);
                }
            }

            at += Math.Min(length, record.Length);
        }

        return datagram.Length;
    }
}
