using System.Text;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Srtp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Transport;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a stranger can send to the port or to WHIP.</summary>
internal static class WireTargets
{
    internal static readonly TransportDescription Local = new()
    { IceUfrag = "srvr", IcePassword = "0123456789abcdef012345", Fingerprint = "sha-256 AA:BB", IceLite = true };
    private static readonly SdpOffer Offer = new(new MediaPreferences(), Local);
    private static readonly SrtpSession[] Sessions = [.. new[]
        { SrtpProfile.AeadAes128Gcm, SrtpProfile.Aes128CmHmacSha1_80 }.Select(p =>
        new SrtpSession(SrtpKeys.FromMaterial(p, new byte[SrtpKeys.MaterialLength(p)], client: true)))];

    public static void Stun(ReadOnlySpan<byte> input)
    {
        if (StunMessage.TryParse(input, out var message))
        {
            _ = message.MappedAddress;
            _ = message.ErrorCode;
            _ = (message.Priority, message.Controlled, message.Controlling, message.UseCandidate, message.Username.Length,
                message.TransactionId.Length);
            message.IsAuthentic("VOkJxbRl1RmTxUk/WvJxBt"u8);
        }
    }

    public static void IceCandidate(ReadOnlySpan<byte> input)
    {
        if (TrueLive.WebRtc.Ice.IceCandidate.TryParse(Encoding.UTF8.GetString(input), out var candidate)
            && !TrueLive.WebRtc.Ice.IceCandidate.TryParse(candidate.ToString(), out _))
        {
            throw new InvalidOperationException($"'{candidate}' was read and cannot be read again");
        }
    }

    /// <summary>Bytes of a TCP connection, in pieces; the datagrams must be the same whatever the pieces are.</summary>
    public static void TcpFraming(ReadOnlySpan<byte> input)
    {
        var (whole, pieces) = (Cut(input, input.Length), Cut(input, input.Length == 0 ? 1 : 1 + input[0]));
        if (!whole.SequenceEqual(pieces))
        {
            throw new InvalidOperationException("the datagrams depend on how the bytes came");
        }

        static List<string> Cut(ReadOnlySpan<byte> bytes, int piece)
        {
            var datagrams = new List<string>();
            for (var frames = new TcpFrames(); !bytes.IsEmpty;)
            {
                var count = Math.Min(Math.Min(piece, bytes.Length), frames.Free.Length);
                bytes[..count].CopyTo(frames.Free.Span);
                bytes = bytes[count..];
                if (!frames.Received(count, d => datagrams.Add(Convert.ToBase64String(d))))
                {
                    break;
                }
            }

            return datagrams;
        }
    }

    /// <summary>The body of a PATCH to WHIP.</summary>
    public static void Trickle(ReadOnlySpan<byte> input)
    {
        if (TrickleFragment.TryParse(Encoding.UTF8.GetString(input), out var fragment))
        {
            foreach (var candidate in fragment.Candidates)
            {
                _ = TrueLive.WebRtc.Ice.IceCandidate.TryParse(candidate, out _);
            }
        }
    }

    /// <summary>All keys are zero in both directions, so that seeds of the corpus are authentic.</summary>
    public static void Srtp(ReadOnlySpan<byte> input)
    {
        foreach (var session in Sessions)
        {
            session.UnprotectRtp(input.ToArray());
            session.UnprotectRtcp(input.ToArray());
            var buffer = new byte[input.Length + SrtpSession.Headroom];
            input.CopyTo(buffer);
            session.ProtectRtp(buffer, input.Length);
            session.ProtectRtcp(buffer, input.Length);
        }
    }

    public static void SdpOffer(ReadOnlySpan<byte> input)
    {
        var offer = Encoding.UTF8.GetString(input);
        Answer(offer, new MediaPreferences());
        // The preferences with which the server accepts senders and viewers.
        Answer(offer, new MediaPreferences { Whole = true });
        Answer(offer, new MediaPreferences { Whole = true, ReceiveVideo = false });
    }

    private static void Answer(string offer, MediaPreferences preferences)
    {
        try
        {
            var answerer = new SdpAnswerer(preferences);
            var first = answerer.Answer(offer, _ => Local, out var answer);
            if (!SessionDescription.TryParse(answer, out _, out var error))
            {
                throw new InvalidOperationException("our answer cannot be read: " + error);
            }

            // The same offer again changes nothing but the version.
            var again = answerer.Answer(offer, _ => Local, out _);
            if (Streams(first) != Streams(again))
            {
                throw new InvalidOperationException("a repeated offer got other streams");
            }
        }
        catch (SdpException)
        {
            // The documented refusal.
        }
    }

    private static (uint?, string?, string?, string?) Streams(MediaPlan plan) =>
        (plan.SendVideo?.LocalSsrc, plan.SendVideo?.Mid, plan.ReceiveVideo?.Mid, plan.ReceiveAudio?.Mid);

    public static void SdpAnswer(ReadOnlySpan<byte> input)
    {
        try
        {
            Offer.Complete(Encoding.UTF8.GetString(input));
        }
        catch (SdpException)
        {
            // The documented refusal.
        }
    }
}
