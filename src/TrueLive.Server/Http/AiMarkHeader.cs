using TrueLive.Core.Tiers;

namespace TrueLive.Server.Http;

/// <summary>Says of an answer that AI made the pictures in it: a link to what kind of thing it is (RFC 8288, RFC 6903 section 6).</summary>
internal static class AiMarkHeader
{
    /// <summary>Adds the header.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="sourceType">The digital source type; null adds nothing.</param>
    public static void Tell(HttpResponse response, string? sourceType)
    {
        if (sourceType is not null)
            response.Headers.Append("Link", $"<{sourceType}>; rel=\"type\"");
    }

    /// <summary>An SDP answer whose session says it; programs pass over attributes that they do not know (RFC 8866 section 5).</summary>
    public static string InSdp(string sdp, string? sourceType)
    {
        var media = sdp.IndexOf("\r\nm=", StringComparison.Ordinal);
        return sourceType is null || media < 0 ? sdp : sdp.Insert(media, $"\r\na={AiMark.Tag}:{sourceType}");
    }
}
