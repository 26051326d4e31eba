using System.Text;
using TrueLive.Media.Files;
using TrueLive.Media.Streams;
using TrueLive.Server.Streams;
using TrueLive.Server.Streams.Hls;
using TrueLive.Server.Streams.Rtmp;

namespace TrueLive.Fuzz.Targets;

/// <summary>Addresses of streams, and what their peers send.</summary>
internal static class StreamTargets
{
    private static readonly Uri From = new("http://cdn.example/live/index.m3u8");

    /// <summary>An address; messages about it have a bounded length, and cleaned ones do not contain its path.</summary>
    public static void Address(ReadOnlySpan<byte> input)
    {
        var text = Encoding.UTF8.GetString(input);
        foreach (var (output, measured) in new[] { (false, false), (true, false), (false, true), (true, true) })
        {
            var address = StreamAddress.Parse(text, output, out var problem, measured);
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

    /// <summary>What the child of an HLS output writes, and the head that its parameters make.</summary>
    public static void Flv(ReadOnlySpan<byte> input)
    {
        using var from = new MemoryStream(input.ToArray());
        try
        {
            // Nothing in it waits for anything.
            ReadAsync(new FlvReader(from)).GetAwaiter().GetResult();
        }
        catch (MediaFileException)
        {
            // The documented refusal.
        }
    }

    private static async Task ReadAsync(FlvReader reader)
    {
        while (await reader.NextAsync(CancellationToken.None).ConfigureAwait(false) is { } tag)
        {
            if (tag.Kind == FlvKind.PictureHead)
                MovieWriter.Head(tag.Data.Span, [0x11, 0x90]);
        }
    }

    /// <summary>What a publisher sends: hello, commands, sound and pictures, in pieces as short as the first byte says.</summary>
    public static void Publisher(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty)
            return;
        using var flv = new MemoryStream();
        using var incoming = new Duplex(input[1..].ToArray(), 1 + input[0]);
        try
        {
            // Nothing in it waits for anything.
            PublishAsync(incoming, flv).GetAwaiter().GetResult();
            throw new InvalidOperationException("It ended without a reason.");
        }
        catch (RtmpException error) when (error.Message.Length < 300)
        {
            // The documented refusal.
        }
        if (flv.Length > 16 * (input.Length + 16L))
            throw new InvalidOperationException("More came out than went in.");
    }

    private static async Task PublishAsync(Stream from, Stream to)
    {
        await using var publisher = new RtmpPublisher(new RtmpConnection(from));
        await publisher.AskAsync(CancellationToken.None).ConfigureAwait(false);
        await publisher.FeedAsync(to, CancellationToken.None).ConfigureAwait(false);
    }

    // Reads from memory in short pieces, and forgets what is written.
    private sealed class Duplex(byte[] bytes, int piece) : MemoryStream(bytes, writable: false)
    {
        public override bool CanWrite => true;

        public override int Read(byte[] buffer, int offset, int count) => base.Read(buffer, offset, Math.Min(count, piece));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            Task.FromResult(Read(buffer, offset, count));

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(base.Read(buffer.Span[..Math.Min(buffer.Length, piece)]));

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.CompletedTask;
    }
}
