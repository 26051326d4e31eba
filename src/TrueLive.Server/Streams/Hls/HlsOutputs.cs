using System.Collections.Concurrent;

namespace TrueLive.Server.Streams.Hls;

/// <summary>The HLS outputs that players can get: those that run, and those that ended a while ago. Thread-safe.</summary>
internal sealed class HlsOutputs(TimeProvider time) : IDisposable
{
    /// <summary>Outputs that are kept after their end; the files of further ones are deleted at once.</summary>
    public const int MostEnded = 64;

    private readonly ConcurrentDictionary<(string Session, string Output), (HlsOutput Hls, Func<string?> SourceType)> _all = new();

    // Not disposed of: outputs that end late still take its token.
    private readonly CancellationTokenSource _stop = new();
    private int _ended;

    /// <summary>Adds an output.</summary>
    /// <param name="session">Its session.</param>
    /// <param name="output">Its name among the outputs of that.</param>
    /// <param name="hls">What players get.</param>
    /// <param name="sourceType">Gives the digital source type of its pictures.</param>
    /// <param name="ended">Completes when nothing is added to it any more.</param>
    public void Add(string session, string output, HlsOutput hls, Func<string?> sourceType, Task ended)
    {
        _all[(session, output)] = (hls, sourceType);
        _ = KeepAsync((session, output), hls.Kept, ended);
    }

    /// <summary>An output, with what gives the digital source type of its pictures; null where there is none.</summary>
    public (HlsOutput Hls, Func<string?> SourceType)? Find(string session, string output) =>
        _all.TryGetValue((session, output), out var found) ? found : null;

    /// <summary>Keeps none any longer.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        foreach (var one in _all.Keys)
            Delete(one);
    }

    private async Task KeepAsync((string, string) one, TimeSpan kept, Task ended)
    {
        await ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (Interlocked.Increment(ref _ended) <= MostEnded)
            await Task.Delay(kept, time, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _ended);
        Delete(one);
    }

    private void Delete((string, string) one)
    {
        if (!_all.TryRemove(one, out var gone))
            return;
        try
        {
            gone.Hls.Delete();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // They stay until the next start, as those of a server that was killed do.
        }
    }
}
