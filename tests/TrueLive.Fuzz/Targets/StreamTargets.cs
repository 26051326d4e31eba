using System.Text;
using TrueLive.Server.Streams;

namespace TrueLive.Fuzz.Targets;

/// <summary>Addresses of streams, and what their peers send.</summary>
internal static class StreamTargets
{
    private static readonly Uri From = new("http://cdn.example/live/index.m3u8");

    /// <summary>An address; messages about it have a bounded length, and cleaned ones do not contain its path.</summary>
    public static void Address(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        foreach (var output in new[] { false, true })
        {
            var address = StreamAddress.Parse(text, output, out var problem);
            if (address is null ? problem.Length is 0 or > 300 : address.Clean(text + ": refused").Length > 300)
                throw new InvalidOperationException("Words without a bound.");
            if (address is { IsRemote: true } && address.Path.TrimStart('/') is { Length: > 12 } secret
                && address.Clean($"no {secret} here").Contains(secret, StringComparison.Ordinal))
                throw new InvalidOperationException("What is secret is told.");
        }
    }

    /// <summary>An HLS playlist.</summary>
    public static void Playlist(ReadOnlySpan<byte> input)
    {
        try
        {
            var list = HlsPlaylist.Parse(Encoding.UTF8.GetString(input), From);
            if (list.First < 0 || list.Target <= TimeSpan.Zero || list.Segments.Any(s => s.Scheme is not ("http" or "https")))
                throw new InvalidOperationException("A playlist that cannot be followed.");
        }
        catch (HttpRequestException)
        {
            // The documented refusal.
        }
    }
}
