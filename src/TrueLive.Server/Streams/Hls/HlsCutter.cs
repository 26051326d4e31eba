using System.Buffers;
using TrueLive.Media.Files;

namespace TrueLive.Server.Streams.Hls;

/// <summary>
/// Cuts the pictures and the sound of one child into parts and segments. A segment begins with each key frame; pictures that would make it
/// longer than its output promises are let go up to the next one, which begins after a break. No part is longer than
/// <see cref="HlsWindow.PartTarget"/> unless a single picture is, and none shorter than <see cref="HlsWindow.LeastPart"/> unless it begins
/// or ends a segment: a picture at the edge of a part comes up to half of its length earlier or later for that. Not thread-safe.
/// </summary>
internal sealed class HlsCutter(HlsOutput to)
{
    private const long MaxSegment = 256 << 20;

    // The last picture of a child has no successor that says how long it stays.
    private const long Usual = 33;

    private static readonly long MostPart = (long)HlsWindow.PartTarget.TotalMilliseconds;
    private static readonly long LeastPart = (long)HlsWindow.LeastPart.TotalMilliseconds;

    private readonly MovieWriter _movie = new();
    private readonly ArrayBufferWriter<byte> _last = new(1 << 16);
    private readonly long _longest = (long)to.Longest.TotalMilliseconds;
    private byte[] _pictureHead = [];
    private byte[] _soundHead = [];
    private bool _begun;
    private (long At, bool Key)? _picture;
    private bool _key;
    private bool _gap;
    private long? _end;
    private long _segmentEnd;
    private long _soundEnd;

    /// <summary>Takes all that a child writes.</summary>
    /// <param name="from">FLV.</param>
    /// <param name="told">Called with the time until which pictures have come; first with zero, when it has opened its output.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="MediaFileException">It is not what was expected.</exception>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public async Task TakeAsync(Stream from, Action<TimeSpan> told, CancellationToken cancel)
    {
        try
        {
            await CutAsync(from, told, cancel).ConfigureAwait(false);
        }
        finally
        {
            // The next child begins a segment of its own.
            if (to.Growing is not null)
                to.EndSegment();
        }
    }

    private async Task CutAsync(Stream from, Action<TimeSpan> told, CancellationToken cancel)
    {
        var reader = new FlvReader(from);
        while (await reader.NextAsync(cancel).ConfigureAwait(false) is { } tag)
        {
            if ((to.Growing ?? 0) + _movie.Length + _last.WrittenCount + tag.Data.Length > MaxSegment)
                throw new MediaFileException($"No key frame came for {MaxSegment >> 20} MB.");
            if (!_begun)
            {
                if (Begin(tag))
                    told(TimeSpan.Zero);
            }
            else if (tag.Kind == FlvKind.Sound)
            {
                // In a gap it belongs to no segment.
                if (tag.At < _soundEnd)
                    _movie.Sound(tag.Data.Span, tag.At);
            }
            else if (tag.Kind is FlvKind.Picture or FlvKind.KeyPicture)
            {
                var key = tag.Kind == FlvKind.KeyPicture;
                Add(until: tag.At);
                if (key)
                {
                    EndSegment();
                    _soundEnd = tag.At + _longest;
                }
                if (key || !_gap)
                {
                    _last.Write(tag.Data.Span);
                    _picture = (tag.At, key);
                }
                told(TimeSpan.FromMilliseconds(tag.At));
            }
        }
        if (_picture is { } last)
            Add(last.At + Usual);
        EndPart();
    }

    // Both heads come before all else.
    private bool Begin(in FlvTag tag)
    {
        if (tag.Kind == FlvKind.PictureHead)
            _pictureHead = tag.Data.ToArray();
        else if (tag.Kind == FlvKind.SoundHead)
            _soundHead = tag.Data.ToArray();
        else
            throw FlvReader.Broken();
        if (_pictureHead.Length == 0 || _soundHead.Length == 0)
            return false;
        to.AddHead(MovieWriter.Head(_pictureHead, _soundHead));
        _soundEnd = tag.At + _longest;
        return _begun = true;
    }

    // The picture that came last, now that it is known how long it stays.
    private void Add(long until)
    {
        if (_picture is not { } picture)
            return;
        _picture = null;
        var at = _end ?? picture.At;
        if (to.Growing is null)
        {
            to.BeginSegment(TimeSpan.FromMilliseconds(at), _gap);
            (_segmentEnd, _gap) = (at + _longest, false);
        }
        var length = Math.Max(1, until - at);
        if (at + length > _segmentEnd)
            (length, _gap) = (Math.Clamp(_segmentEnd - at, 1, MostPart), true);
        var moved = FillPart(length);
        (at, length) = (at + moved, length - moved);
        if (_movie.Duration + length > MostPart && length <= MostPart * 3 / 2)
            length = MostPart - _movie.Duration;
        _key |= picture.Key;
        _movie.Picture(_last.WrittenSpan, at, length, picture.Key);
        _last.ResetWrittenCount();
        _end = at + length;
        if (_gap)
        {
            EndSegment();
            _end = null;
        }
        else if (_movie.Duration + length > MostPart && (_key || _movie.Duration >= LeastPart))
        {
            // The next picture most likely stays as long: the part need not wait for it.
            EndPart();
        }
    }

    // Ends the part before a picture that does not fit into it. Returns how much later that comes, because the part was too short without.
    private long FillPart(long length)
    {
        var excess = _movie.Duration + length - MostPart;
        if (!_movie.HasPictures || excess <= 0)
            return 0;
        var lacking = _key ? 0 : Math.Max(0, LeastPart - _movie.Duration);
        // Rather than that, the picture ends with the part, and the next comes earlier.
        if (lacking > excess)
            return 0;
        _movie.Stretch(lacking);
        EndPart();
        return lacking;
    }

    private void EndPart()
    {
        if (!_movie.HasPictures)
            return;
        var (duration, key) = (TimeSpan.FromMilliseconds(_movie.Duration), _key);
        to.AddPart(_movie.Fragment(), duration, key);
        _key = false;
    }

    private void EndSegment()
    {
        EndPart();
        if (to.Growing is not null)
            to.EndSegment();
    }
}
