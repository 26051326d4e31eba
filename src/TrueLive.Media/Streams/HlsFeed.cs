using System.Text;

namespace TrueLive.Media.Streams;

/// <summary>An answer that is what was asked for.</summary>
/// <exception cref="HttpRequestException">It is not, or the host may not be called; the message says why.</exception>
internal delegate Task<HttpResponseMessage> HttpFetch(Uri at, CancellationToken cancel);

/// <summary>
/// Fetches HLS for a child that has no network: every playlist and segment is checked like a request of its own, wherever it lies. Begins
/// near the end of what is there, and goes on there when it falls behind.
/// </summary>
/// <param name="address">Where its playlist is.</param>
/// <param name="fetch">Fetches.</param>
/// <param name="time">Clock.</param>
/// <param name="fromStart">
/// For a stream that has just begun: whether to wait until there are as many segments as a reader keeps behind the end.
/// </param>
internal sealed class HlsFeed(StreamAddress address, HttpFetch fetch, TimeProvider time, bool fromStart = false)
{
    private const int MaxPlaylist = 1 << 20;
    private const long MaxSegment = 128L << 20;

    // RFC 8216 section 6.3.3: a reader begins at least three segments before the end.
    private const int FromEnd = 3;

    // A stream of more is for screens that the model does not paint.
    private const long MaxBandwidth = 8_000_000;

    private static readonly TimeSpan RequestTime = TimeSpan.FromSeconds(20);

    private long _next = -1;

    /// <summary>The longest duration of a segment; null before a playlist said it.</summary>
    public TimeSpan? Segment { get; private set; }

    /// <summary>Copies segment after segment until the stream ends.</summary>
    /// <exception cref="HttpRequestException">It could not be fetched; the message says why.</exception>
    public async Task RunAsync(Stream to, CancellationToken cancel)
    {
        var at = address.Fetched;
        var list = await ListAsync(at, cancel).ConfigureAwait(false);
        if (list.Variants.Count > 0)
        {
            at = list.Variants.OrderBy(v => v.Bandwidth > MaxBandwidth ? v.Bandwidth : -v.Bandwidth).First().At;
            list = await ListAsync(at, cancel).ConfigureAwait(false);
        }
        Segment = list.Target;
        // Whoever joins at the first segment would be less far behind than any player that joins later. One that moves on with fewer
        // segments has no more.
        for (var first = list.First; fromStart && !list.Ended && list.Segments.Count < FromEnd && list.First == first;)
        {
            await Task.Delay(list.Target / 2, time, cancel).ConfigureAwait(false);
            list = await ListAsync(at, cancel).ConfigureAwait(false);
        }
        if (list.Segments.Count == 0 && list.Ended)
            throw new HttpRequestException("its playlist has no segments");
        if (list.Head is { } head)
            await CopyAsync(head, to, cancel).ConfigureAwait(false);
        while (true)
        {
            var end = list.First + list.Segments.Count;
            if (_next < list.First || _next > end)
                _next = Math.Max(list.First, list.Ended && _next < 0 ? list.First : end - FromEnd);
            for (; _next < end; _next++)
                await CopyAsync(list.Segments[(int)(_next - list.First)], to, cancel).ConfigureAwait(false);
            if (list.Ended)
                return;
            await Task.Delay(list.Target / 2, time, cancel).ConfigureAwait(false);
            list = await ListAsync(at, cancel).ConfigureAwait(false);
        }
    }

    private async Task<HlsPlaylist> ListAsync(Uri at, CancellationToken cancel)
    {
        using var text = new MemoryStream();
        await FetchAsync(at, text, MaxPlaylist, cancel).ConfigureAwait(false);
        return HlsPlaylist.Parse(Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length), at);
    }

    private Task CopyAsync(Uri segment, Stream to, CancellationToken cancel) => FetchAsync(segment, to, MaxSegment, cancel);

    private async Task FetchAsync(Uri at, Stream to, long most, CancellationToken cancel)
    {
        using var late = new CancellationTokenSource(RequestTime, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            using var answer = await fetch(at, limit.Token).ConfigureAwait(false);
            await using var body = await answer.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            var (buffer, read, all) = (new byte[65536], 0, 0L);
            while ((read = await body.ReadAsync(buffer, limit.Token).ConfigureAwait(false)) > 0)
            {
                if ((all += read) > most)
                    throw new HttpRequestException($"it sends more than {most >> 20} MB at once");
                // The child takes what it reads at the stream's own pace: that is no fault of the server.
                late.CancelAfter(Timeout.InfiniteTimeSpan);
                await to.WriteAsync(buffer.AsMemory(0, read), cancel).ConfigureAwait(false);
                late.CancelAfter(RequestTime);
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new HttpRequestException($"{at.Host} did not answer within {RequestTime.TotalSeconds:0} s");
        }
    }
}
