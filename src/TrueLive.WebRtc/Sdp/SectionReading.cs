using System.Globalization;
using System.Text;
using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Sdp;

/// <summary>Direction of a media section as its writer sees it (RFC 8866 section 6.7).</summary>
[Flags]
internal enum MediaDirection
{
    Inactive = 0,
    Send = 1,
    Receive = 2,
    Both = 3,
}

/// <summary>Reads one media section of the far side: formats, feedback, header extensions, direction.</summary>
internal static class SectionReading
{
    private static readonly System.Buffers.SearchValues<char> RidCharacters =
        System.Buffers.SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    internal const string MidUri = "urn:ietf:params:rtp-hdrext:sdes:mid";
    internal const string TransportSequenceUri = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
    internal const string RidUri = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
    internal const string RepairedRidUri = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
    internal const string PlayoutDelayUri = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
    internal const string ColourSpaceUri = "http://www.webrtc.org/experiments/rtp-hdrext/color-space";

    /// <summary>RFC 8843 section 9.3: a bundle-only section has port 0 without being rejected.</summary>
    internal static bool IsRejected(MediaDescription section) => section.Port == 0 && section.Attribute("bundle-only") is null;

    internal static MediaDirection Direction(SessionDescription session, MediaDescription section) =>
        Direction(section.Attributes) ?? Direction(session.Attributes) ?? MediaDirection.Both;

    private static MediaDirection? Direction(List<SdpAttribute> attributes)
    {
        foreach (var attribute in attributes)
        {
            switch (attribute.Name)
            {
                case "sendrecv": return MediaDirection.Both;
                case "sendonly": return MediaDirection.Send;
                case "recvonly": return MediaDirection.Receive;
                case "inactive": return MediaDirection.Inactive;
            }
        }

        return null;
    }

    internal static ExtensionIds Extensions(SessionDescription session, MediaDescription section)
    {
        byte mid = 0, transport = 0, playout = 0, colour = 0, rid = 0, repaired = 0;
        foreach (var value in session.Attributes.Where(a => a.Name == "extmap").Select(a => a.Value).Concat(section.All("extmap")))
        {
            // extmap:<id>[/<direction>] <uri> [<attributes>]; only ids that fit one-byte headers are taken (RFC 8285 section 4.2).
            var parts = value.Split(' ', 3);
            if (parts.Length < 2 || !byte.TryParse(parts[0].Split('/')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || id is < 1 or > 14)
                continue;

            switch (parts[1])
            {
                case MidUri: mid = id; break;
                case TransportSequenceUri: transport = id; break;
                case PlayoutDelayUri: playout = id; break;
                case ColourSpaceUri: colour = id; break;
                case RidUri: rid = id; break;
                case RepairedRidUri: repaired = id; break;
            }
        }

        var hasMid = Encoding.UTF8.GetByteCount(section.Attribute("mid") ?? "") is > 0 and <= 16;
        return new ExtensionIds(hasMid ? mid : (byte)0, transport, playout, colour) { Rid = rid, RepairedRid = repaired };
    }

    /// <summary>
    /// The layer to take of a simulcast that the section sends (RFC 8853): the first of <paramref name="wanted"/> that is offered, else the
    /// first one offered; layers that are stopped for now only where all are. Null without simulcast.
    /// </summary>
    internal static string? Layer(MediaDescription section, IReadOnlyList<string> wanted)
    {
        var words = section.Attribute("simulcast")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? [];
        var at = Array.IndexOf(words, "send");
        if (at < 0 || at + 1 >= words.Length)
            return null;
        // Of alternatives for one stream, the first: a,b;c.
        var offered = words[at + 1].Split(';').Select(s => s.Split(',')[0]).Where(IsRid).ToList();
        var running = offered.Where(s => s[0] != '~').ToList();
        var choice = running.Count > 0 ? running : offered.ConvertAll(s => s[1..]);
        return wanted.FirstOrDefault(choice.Contains) ?? choice.FirstOrDefault();

        static bool IsRid(string text) =>
            text.AsSpan().TrimStart('~') is { Length: > 0 and <= 32 } name && !name.ContainsAnyExcept(RidCharacters);
    }

    /// <summary>
    /// Formats of the section that we can carry, ours first by <paramref name="wanted"/>, then by how widely the profile plays.
    /// </summary>
    internal static List<VideoFormat> VideoFormats(MediaDescription section, IReadOnlyList<VideoCodec> wanted)
    {
        var maps = new Dictionary<byte, (string Name, string Fmtp)>();
        foreach (var format in section.Formats)
        {
            if (byte.TryParse(format, NumberStyles.None, CultureInfo.InvariantCulture, out var payloadType) && payloadType < 128
                && RtpMap(section, payloadType) is { } name)
            {
                maps[payloadType] = (name, Fmtp(section, payloadType));
            }
        }

        var found = new List<(int Rank, VideoFormat Format)>();
        foreach (var (payloadType, (name, fmtp)) in maps)
        {
            byte? rtx = null;
            foreach (var (candidate, map) in maps)
            {
                if (map.Name.Equals("rtx/90000", StringComparison.OrdinalIgnoreCase)
                    && Parameter(map.Fmtp, "apt") == payloadType.ToString(CultureInfo.InvariantCulture))
                    rtx = candidate;
            }

            if (name.Equals("VP8/90000", StringComparison.OrdinalIgnoreCase))
            {
                Add(VideoCodec.Vp8, 0, new VideoFormat(VideoCodec.Vp8, payloadType, rtx, fmtp));
            }
            else if (name.Equals("H264/90000", StringComparison.OrdinalIgnoreCase) && ProfileRank(fmtp) is { } profile)
            {
                var mode = Parameter(fmtp, "packetization-mode") == "1" ? 1 : 0;
                Add(VideoCodec.H264, profile + (mode == 1 ? 0 : 10), new VideoFormat(VideoCodec.H264, payloadType, rtx, fmtp)
                {
                    PacketizationMode = mode,
                    ParameterSets = SpropParameterSets(fmtp),
                });
            }
        }

        // Single-NAL mode only where the far side offers nothing else: it cannot carry slices above the packet size.
        if (found.Exists(f => f.Format.PacketizationMode == 1))
            found.RemoveAll(f => f.Format.PacketizationMode == 0);

        return [.. found.OrderBy(f => f.Rank).ThenBy(f => section.Formats.ToList()
            .IndexOf(f.Format.PayloadType.ToString(CultureInfo.InvariantCulture))).Select(f => f.Format)];

        void Add(VideoCodec codec, int rank, VideoFormat format)
        {
            for (var i = 0; i < wanted.Count; i++)
            {
                if (wanted[i] == codec)
                {
                    found.Add((i * 100 + rank, format));
                    return;
                }
            }
        }
    }

    /// <summary>Payload type of Opus (RFC 7587), or null.</summary>
    internal static byte? Opus(MediaDescription section)
    {
        foreach (var format in section.Formats)
        {
            if (byte.TryParse(format, NumberStyles.None, CultureInfo.InvariantCulture, out var payloadType) && payloadType < 128
                && string.Equals(RtpMap(section, payloadType), "opus/48000/2", StringComparison.OrdinalIgnoreCase))
            {
                return payloadType;
            }
        }

        return null;
    }

    internal static FeedbackSupport Feedback(MediaDescription section, byte payloadType)
    {
        var prefix = payloadType.ToString(CultureInfo.InvariantCulture) + " ";
        bool nack = false, pli = false, fir = false, transport = false;
        foreach (var value in section.All("rtcp-fb"))
        {
            var kind = value.StartsWith(prefix, StringComparison.Ordinal) ? value[prefix.Length..]
                : value.StartsWith("* ", StringComparison.Ordinal) ? value[2..] : "";
            nack |= kind is "nack";
            pli |= kind is "nack pli";
            fir |= kind is "ccm fir";
            transport |= kind is "transport-cc";
        }

        return new FeedbackSupport(nack, pli, fir, transport);
    }

    internal static string Fmtp(MediaDescription section, byte payloadType)
    {
        var prefix = payloadType.ToString(CultureInfo.InvariantCulture) + " ";
        foreach (var value in section.All("fmtp"))
        {
            if (value.StartsWith(prefix, StringComparison.Ordinal))
                return value[prefix.Length..];
        }

        return "";
    }

    /// <summary>Value of one <c>name=value</c> pair of a format parameter line, or null.</summary>
    internal static string? Parameter(string fmtp, string name)
    {
        foreach (var pair in fmtp.Split(';', StringSplitOptions.TrimEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals > 0 && pair.AsSpan(0, equals).Equals(name, StringComparison.OrdinalIgnoreCase))
                return pair[(equals + 1)..];
        }

        return null;
    }

    internal static string? RtpMap(MediaDescription section, byte payloadType)
    {
        var prefix = payloadType.ToString(CultureInfo.InvariantCulture) + " ";
        foreach (var value in section.All("rtpmap"))
        {
            if (value.StartsWith(prefix, StringComparison.Ordinal))
                return value[prefix.Length..].Trim();
        }

        return null;
    }

    /// <summary>
    /// RFC 6184 section 8.1, table 5: constrained baseline first, since every decoder plays it. Null: a profile we do not take.
    /// </summary>
    private static int? ProfileRank(string fmtp)
    {
        var text = Parameter(fmtp, "profile-level-id") ?? "420010";
        if (text.Length != 6 || !int.TryParse(text, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var bits))
            return null;

        var constraints = (bits >> 8) & 0xFF;
        return (bits >> 16) switch
        {
            0x42 => (constraints & 0x40) != 0 ? 0 : 1,
            0x4D => (constraints & 0x80) != 0 ? 0 : 2,
            0x58 => (constraints & 0xC0) != 0 ? 1 : null,
            0x64 => 3,
            _ => null,
        };
    }

    private static byte[] SpropParameterSets(string fmtp)
    {
        if (Parameter(fmtp, "sprop-parameter-sets") is not { } text)
            return [];

        var result = new List<byte>();
        var buffer = new byte[1024];
        foreach (var set in text.Split(',').Take(8))
        {
            if (Convert.TryFromBase64String(set, buffer, out var length) && length > 1 && (buffer[0] & 31) is 7 or 8)
            {
                result.AddRange([0, 0, 0, 1]);
                result.AddRange(buffer.AsSpan(0, length));
            }
        }

        return [.. result];
    }

    /// <summary>Transport attributes of a section, with the session's as default.</summary>
    internal static TransportDescription Transport(SessionDescription session, MediaDescription section)
    {
        var ufrag = section.Attribute("ice-ufrag") ?? session.Attribute("ice-ufrag");
        var password = section.Attribute("ice-pwd") ?? session.Attribute("ice-pwd");
        var fingerprint = section.Attribute("fingerprint") ?? session.Attribute("fingerprint");
        if (ufrag is null || password is null || ufrag.Length is < 4 or > 256 || password.Length is < 22 or > 256)
            throw new SdpException("the description needs a=ice-ufrag (4 to 256 characters) and a=ice-pwd (22 to 256 characters)");

        if (fingerprint is null || fingerprint.Length > 512)
            throw new SdpException("the description needs a=fingerprint: only DTLS-SRTP is supported");

        return new TransportDescription
        {
            IceUfrag = ufrag,
            IcePassword = password,
            Fingerprint = fingerprint.Trim(),
            Candidates = [.. section.All("candidate").Take(64).Select(c => "candidate:" + c)],
            IceLite = session.Attribute("ice-lite") is not null,
            EndOfCandidates = (section.Attribute("end-of-candidates") ?? session.Attribute("end-of-candidates")) is not null,
        };
    }
}
