using System.Globalization;
using System.Text.RegularExpressions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Streams.Hls;

/// <summary>A file of an HLS output, or a piece of one.</summary>
/// <param name="Path">Where it is.</param>
/// <param name="Start">Where the piece begins.</param>
/// <param name="Length">How long it is; null for all.</param>
internal sealed record HlsPiece(string Path, long Start, long? Length);

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

    // Parts further ahead are not waited for: as many as last three seconds.
    private const int PartsAhead = 9;

    // A source may take its time to come; players give up a first request after 20 s.
    private static readonly TimeSpan First = TimeSpan.FromSeconds(15);

    private readonly Lock _gate = new();
    private readonly HlsWindow _window = new(keyframes);
    private TaskCompletionSource _changed = NewChange();
    private int _held;
    private int _head = -1;
    private bool _ended;
    private DateTimeOffset _zero;

    /// <summary>The segment that grows, in bytes; null between two.</summary>
    public long? Growing => _window.Growing?.Length;

    /// <summary>Pictures with other parameters than before follow, or from another connection.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void AddHead(ReadOnlySpan<byte> head) => folder.Append(HlsSegment.HeadName(++_head), head);

    /// <summary>Begins a segment.</summary>
    /// <param name="at">Time of its first picture since the head.</param>
    public void BeginSegment(TimeSpan at)
    {
        var last = _window.Segments.Count > 0 ? _window.Segments[^1] : null;
        var anew = last is not null && last.Head != _head;
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
        {
            folder.Delete(old.Name);
            if (_window.Segments[0].Head != old.Head)
                folder.Delete(HlsSegment.HeadName(old.Head));
        }
    }

    /// <summary>Nothing comes any more: whoever waits is told, and the files are deleted.</summary>
    public void End()
    {
        lock (_gate)
            _ended = true;
        Tell();
        folder.Delete();
    }

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
    public Task WaitAsync(long? segment, int? part, CancellationToken cancel)
    {
        lock (_gate)
        {
            var ahead = segment - _window.Next;
            if (!_ended && (ahead > 1 || (ahead >= 0 && part > PartsAhead + (ahead == 0 ? _window.Growing?.Parts.Count ?? 0 : 0))))
                throw new RequestRefusedException(
                    StatusCodes.Status400BadRequest, "Segment and part (_HLS_msn, _HLS_part) are too far ahead: load the playlist anew.");
        }
        return segment is { } number ? WaitAsync(() => _window.Has(number, part), 3 * _window.Target, cancel)
            : WaitAsync(() => _window.HasSegments, First, cancel);
    }

    /// <summary>Finds a file; one that is announced as the next part is waited for. Null where there is none.</summary>
    /// <exception cref="RequestRefusedException">Too many wait, or nothing came for three target durations (503).</exception>
    public async Task<HlsPiece?> FindAsync(string name, CancellationToken cancel)
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
                await WaitAsync(() => number < _window.NextPart, 3 * _window.Target, cancel).ConfigureAwait(false);
        }
        lock (_gate)
        {
            if (_ended)
                return null;
            if (match.Groups[1].ValueSpan is not "part")
            {
                var isThere = _window.Segments.Any(s => name == (match.Groups[1].ValueSpan is "init" ? HlsSegment.HeadName(s.Head)
                    : s.IsWhole ? s.Name : ""));
                return isThere ? new HlsPiece(folder.PathOf(name), 0, null) : null;
            }
            return (from segment in _window.Segments
                    from part in segment.Parts
                    where part.Name == name
                    select new HlsPiece(folder.PathOf(segment.Name), part.Start, part.Length)).FirstOrDefault();
        }
    }

    private async Task WaitAsync(Func<bool> isThere, TimeSpan patience, CancellationToken cancel)
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
                    if (!counted && _held >= MostHeld)
                        throw new RequestRefusedException(
                            StatusCodes.Status503ServiceUnavailable, $"{MostHeld} requests wait for this playlist already.");
                    _held += counted ? 0 : 1;
                    counted = true;
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
                _held -= counted ? 1 : 0;
        }
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
