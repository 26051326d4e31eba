using System.Globalization;
using System.Text.RegularExpressions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams.Hls;

/// <summary>A file of an HLS output, or a piece of one.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Start">Where the piece begins.</param>
/// <param name="Length">How long it is; null for all.</param>
internal sealed record HlsPiece(string Path, long Start, long? Length)
{
    /// <summary>Opens the file where the piece begins; null when it has been deleted meanwhile.</summary>
    public FileStream? Open()
    {
        try
        {
            return new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 4096, useAsync: true)
            { Position = Start };
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }
}

/// <summary>
/// Has the parts and segments of HLS for players. One playlist lists segments; the other lists parts as well, and requests for it wait for
/// the next one. What adds to it comes from one thread; all else is thread-safe.
/// </summary>
internal sealed partial class HlsOutput(HlsFolder folder, TimeSpan keyframes, TimeProvider time)
{
    /// <summary>Name of the playlist of whole segments.</summary>
    public const string Playlist = "index.m3u8";

    /// <summary>Name of the playlist with parts.</summary>
    public const string LowLatency = "low-latency.m3u8";

    /// <summary>Requests that wait at a time.</summary>
    public const int MostHeld = 200;

    /// <summary>Of them, those from one address.</summary>
    public const int MostHeldOfOne = MostHeld / 4;

    // Parts further ahead are not waited for: as many as last three seconds.
    private const int PartsAhead = 9;

    // A source may take its time to come; players give up a first request after 20 s.
    private static readonly TimeSpan First = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private readonly HlsWindow _window = new(keyframes);
    private TaskCompletionSource _changed = NewChange();
    private readonly Dictionary<string, int> _held = [];
    private int _head = -1;
    private int _oldestHead;
    private bool _ended;
    private DateTimeOffset _zero;

    /// <summary>The segment that grows, in bytes; null between two.</summary>
    public long? Growing => _window.Growing?.Length;

    /// <summary>Pictures with other parameters than before follow, or from another connection.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void AddHead(ReadOnlySpan<byte> head) => folder.Append(HlsSegment.HeadName(++_head), head);

    /// <summary>How long a segment may become.</summary>
    public TimeSpan Longest => _window.Longest;

    /// <summary>For how long all can be had after the end: six target durations, in which players that are behind come to it.</summary>
    public TimeSpan Kept => 6 * _window.Target;

    /// <summary>Begins a segment.</summary>
    /// <param name="at">Time of its first picture since the head.</param>
    /// <param name="gap">What was before it does not go on in it.</param>
    public void BeginSegment(TimeSpan at, bool gap)
    {
        var last = _window.Segments.Count > 0 ? _window.Segments[^1] : null;
        var anew = last is not null && (gap || last.Head != _head);
        // The clock is read once for each head, so that dates and durations say the same.
        if (last is null || anew)
            _zero = time.GetUtcNow() - at;
        lock (_gate)
            _window.Add(new HlsSegment(_window.Next, _head, _zero + at, anew));
    }

    /// <summary>Adds to the segment that grows.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void AddPart(ReadOnlySpan<byte> part, TimeSpan duration, bool key)
    {
        var segment = _window.Growing!;
        folder.Append(segment.Name, part);
        lock (_gate)
            _window.Add(segment, part.Length, duration, key);
        Tell();
    }

    /// <summary>Nothing is added any more to the segment that grows.</summary>
    public void EndSegment()
    {
        List<HlsSegment> gone;
        lock (_gate)
            gone = _window.Close();
        Tell();
        foreach (var old in gone)
            folder.Delete(old.Name);
        // Also those of children that died before their first segment.
        for (; _window.Segments is [var oldest, ..] && _oldestHead < oldest.Head; _oldestHead++)
            folder.Delete(HlsSegment.HeadName(_oldestHead));
    }

    /// <summary>Nothing comes any more: whoever waits is told. What there is can be had until it is deleted.</summary>
    public void End()
    {
        lock (_gate)
            _ended = true;
        Tell();
    }

    /// <summary>Deletes all files, of one that has ended.</summary>
    /// <exception cref="IOException">The disk does not do it.</exception>
    public void Delete() => folder.Delete();

    /// <summary>A playlist, its files named with what opens them.</summary>
    /// <param name="parts">Whether it lists parts.</param>
    /// <param name="token">Token of the signed link that the playlist was asked for with; empty for none.</param>
    public string Read(bool parts, string token)
    {
        lock (_gate)
            return _window.Write(parts, token.Length > 0 ? $"?token={Uri.EscapeDataString(token)}" : "", _ended);
    }

    /// <summary>
    /// Waits until the playlist has a segment, or a part of one; without numbers, until it has any segment. Returns when the output ends.
    /// </summary>
    /// <exception cref="RequestRefusedException">
    /// It is too far ahead (400), too many wait, or nothing came for three target durations, without numbers for 15 s (503).
    /// </exception>
    /// <param name="segment">Number of the segment.</param>
    /// <param name="part">Number of the part in it.</param>
    /// <param name="from">Address of the player.</param>
    /// <param name="cancel">Ends the wait.</param>
    public Task WaitAsync(long? segment, int? part, string from, CancellationToken cancel)
    {
        lock (_gate)
        {
            var ahead = segment - _window.Next;
            if (!_ended && (ahead > 1 || (ahead >= 0 && part > PartsAhead + (ahead == 0 ? _window.Growing?.Parts.Count ?? 0 : 0))))
                throw new RequestRefusedException(
                    StatusCodes.Status400BadRequest, "Segment and part (_HLS_msn, _HLS_part) are too far ahead: load the playlist anew.");
        }
        return segment is { } number ? WaitAsync(() => _window.Has(number, part), 3 * _window.Target, from, cancel)
            : WaitAsync(() => _window.HasSegments, First, from, cancel);
    }

    /// <summary>Finds a file; one that is announced as the next part is waited for. Null where there is none.</summary>
    /// <exception cref="RequestRefusedException">Too many wait, or nothing came for three target durations (503).</exception>
    /// <param name="name">Its name.</param>
    /// <param name="from">Address of the player.</param>
    /// <param name="cancel">Ends the wait.</param>
    public async Task<HlsPiece?> FindAsync(string name, string from, CancellationToken cancel)
    {
        if (FileName().Match(name) is not { Success: true } match)
            return null;
        var number = long.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture);
        if (match.Groups[1].ValueSpan is "part")
        {
            bool isNext;
            lock (_gate)
                isNext = number == _window.NextPart;
            if (isNext)
                await WaitAsync(() => number < _window.NextPart, 3 * _window.Target, from, cancel).ConfigureAwait(false);
        }
        lock (_gate)
        {
            if (match.Groups[1].ValueSpan is not "part")
            {
                var isThere = _window.Segments.Any(s => name == (match.Groups[1].ValueSpan is "init" ? HlsSegment.HeadName(s.Head)
                    : s.IsWhole ? s.Name : ""));
                return isThere ? new HlsPiece(folder.PathOf(name), 0, null) : null;
            }
            return (from segment in _window.Segments
                    from part in segment.Parts
                    where part.Number == number && part.Name == name
                    select new HlsPiece(folder.PathOf(segment.Name), part.Start, part.Length)).FirstOrDefault();
        }
    }

    private async Task WaitAsync(Func<bool> isThere, TimeSpan patience, string from, CancellationToken cancel)
    {
        var counted = false;
        using var late = new CancellationTokenSource(patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancel);
        try
        {
            while (true)
            {
                Task changed;
                lock (_gate)
                {
                    if (_ended || isThere())
                        return;
                    if (!counted)
                    {
                        var own = _held.GetValueOrDefault(from);
                        if (own >= MostHeldOfOne)
                            throw Full($"{MostHeldOfOne} requests from your address wait");
                        if (_held.Values.Sum() >= MostHeld)
                            throw Full($"{MostHeld} requests wait");
                        _held[from] = own + 1;
                        counted = true;
                    }
                    changed = _changed.Task;
                }
                await changed.WaitAsync(either.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new RequestRefusedException(
                StatusCodes.Status503ServiceUnavailable, $"No picture came for {patience.TotalSeconds:0} s. Try again.");
        }
        finally
        {
            lock (_gate)
            {
                if (counted && --_held[from] == 0)
                    _held.Remove(from);
            }
        }

        static RequestRefusedException Full(string words) =>
            new(StatusCodes.Status503ServiceUnavailable, words + " for this playlist already.");
    }

    private void Tell()
    {
        TaskCompletionSource changed;
        lock (_gate)
            (changed, _changed) = (_changed, NewChange());
        changed.SetResult();
    }

    private static TaskCompletionSource NewChange() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    [GeneratedRegex("^(init|segment|part)([0-9]{1,12})\\.(?:mp4|m4s)$")]
    private static partial Regex FileName();
}
