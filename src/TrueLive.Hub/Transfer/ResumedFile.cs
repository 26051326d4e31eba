using System.Net;
using TrueLive.Hub.Repositories;

namespace TrueLive.Hub.Transfer;

/// <summary>
/// A file of a known size that is fetched into a partial file: it goes on where that ends, and never writes more than was announced.
/// </summary>
/// <param name="name">For messages.</param>
/// <param name="size">Its size in bytes.</param>
/// <param name="open">Asks for its content from an offset on; what is tried again in vain throws <see cref="HubException"/>.</param>
/// <param name="unreachable">What is said when it never comes whole.</param>
/// <param name="time">Clock of pauses and limits.</param>
internal sealed class ResumedFile(
    string name, long size, Func<long, CancellationToken, Task<HttpResponseMessage>> open, Func<Exception, HubException> unreachable, TimeProvider time)
{
    // Tries that bring nothing new; each that brings some starts the count anew.
    private const int MaxBarren = 4;

    /// <summary>Fetches what is missing.</summary>
    /// <exception cref="HubException">It cannot be had, or is not what was announced.</exception>
    public async Task CompleteAsync(string partial, IProgress<long> progress, CancellationToken cancel)
    {
        if (new FileInfo(partial) is { Exists: true } there && there.Length > size)
            there.Delete();
        await using var to = new FileStream(partial, FileMode.OpenOrCreate, FileAccess.Write, FileShare.Read);
        to.Seek(0, SeekOrigin.End);
        for (var barren = 0; to.Length < size; barren++)
        {
            var had = to.Length;
            Exception? broken = null;
            try
            {
                await AppendAsync(to, progress, cancel).ConfigureAwait(false);
            }
            catch (Exception e) when (HubClient.IsBroken(e, cancel))
            {
                broken = e;
            }
            if (to.Length > had)
                barren = -1;
            if (to.Length < size && barren >= MaxBarren - 1)
                throw unreachable(broken ?? new TimeoutException($"{name} ends before its end."));
            if (to.Length < size)
                await Task.Delay(TimeSpan.FromSeconds(1 << (barren + 1)), time, cancel).ConfigureAwait(false);
        }
    }

    private async Task AppendAsync(FileStream to, IProgress<long> progress, CancellationToken cancel)
    {
        using var answer = await open(to.Length, cancel).ConfigureAwait(false);
        if (answer.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            to.SetLength(0);
            return;
        }
        answer.EnsureSuccessStatusCode();
        // Some servers ignore the range and send the whole file, some send the range as if it were the whole.
        if (answer.Content.Headers.ContentRange?.From is var from && (from ?? 0) != to.Length)
        {
            if (from is > 0)
                throw new HubException($"{name} is sent from byte {from} on, where byte {to.Length} was asked for.");
            to.SetLength(0);
        }
        if (answer.Content.Headers.ContentLength is { } length && length != size - to.Length)
            throw new HubException($"{size} bytes were announced for {name}, and {to.Length + length} are sent. Nothing of it is taken.");
        await using var body = await answer.Content.ReadAsStreamAsync(cancel).ConfigureAwait(false);
        var part = new byte[1 << 18];
        while (await body.ReadAsync(part, cancel).AsTask().WaitAsync(HubClient.Patience, time, cancel).ConfigureAwait(false) is > 0 and var read)
        {
            if (to.Length + read > size)
                throw new HubException($"More is sent than the {size} bytes that were announced for {name}. The rest is not read.");
            await to.WriteAsync(part.AsMemory(0, read), cancel).ConfigureAwait(false);
            // The length is what later looks at the file see.
            await to.FlushAsync(cancel).ConfigureAwait(false);
            if (to.Length < size)
                progress.Report(to.Length);
        }
    }
}
