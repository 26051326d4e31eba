using System.Buffers;
using TrueLive.Media.Files;

namespace TrueLive.Server.Streams.Hls;

/// <summary>
/// Cuts the pictures and the sound of one child into parts and segments: a segment begins with each key frame, and no part is longer than
/// <see cref="HlsWindow.PartTarget"/> unless a single picture is. Not thread-safe.
/// </summary>
internal sealed class HlsCutter(HlsOutput to)
{
    private const long MaxSegment = 256 << 20;

    // The last picture of a child has no successor that says how long it stays.
    private const long Usual = 33;

    private readonly MovieWriter _movie = new();
    private readonly ArrayBufferWriter<byte> _last = new(1 << 16);
    private byte[] _pictureHead = [];
    private byte[] _soundHead = [];
    private bool _begun;
    private (long At, bool Key)? _picture;
    private bool _key;

    /// <summary>Takes all that a child writes.</summary>
    /// <param name="from">FLV.</param>
    /// <param name="told">Called with the time until which pictures have come; first with zero, when it has opened its output.</param>
    /// <param name="cancel">Ends it.</param>
    /// <exception cref="MediaFileException">It is not what was expected.</exception>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public async Task TakeAsync(Stream from, Action<TimeSpan> told, CancellationToken cancel)
    {
        var reader = new FlvReader(from);
        while (await reader.NextAsync(cancel).ConfigureAwait(false) is { } tag)
        {
            if (!_begun)
            {
                if (Begin(tag))
                    told(TimeSpan.Zero);
            }
            else if (tag.Kind == FlvKind.Sound)
            {
                _movie.Sound(tag.Data.Span, tag.At);
            }
            else if (tag.Kind is FlvKind.Picture or FlvKind.KeyPicture)
            {
                Add(until: tag.At);
                if (tag.Kind == FlvKind.KeyPicture)
                    EndSegment();
                _last.Write(tag.Data.Span);
                _picture = (tag.At, tag.Kind == FlvKind.KeyPicture);
                told(TimeSpan.FromMilliseconds(tag.At));
            }
        }
        if (_picture is { } last)
            Add(last.At + Usual);
        EndSegment();
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
        return _begun = true;
    }

    // The picture that came last, now that it is known how long it stays.
    private void Add(long until)
    {
        if (_picture is not { } picture)
            return;
        var duration = TimeSpan.FromMilliseconds(Math.Max(0, until - picture.At));
        if (_movie.Duration + duration > HlsWindow.PartTarget)
            EndPart();
        if (to.Growing is null)
            to.BeginSegment(TimeSpan.FromMilliseconds(picture.At));
        if (to.Growing + _movie.Length + _last.WrittenCount > MaxSegment)
            throw new MediaFileException($"No key frame came for {MaxSegment >> 20} MB.");
        _key |= picture.Key;
        _movie.Picture(_last.WrittenSpan, picture.At, (long)duration.TotalMilliseconds, picture.Key);
        _last.ResetWrittenCount();
        // The next picture most likely stays as long: the part need not wait for it.
        if (_movie.Duration + duration > HlsWindow.PartTarget)
            EndPart();
    }

    private void EndPart()
    {
        var (duration, key) = (_movie.Duration, _key);
        if (duration == TimeSpan.Zero)
            return;
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
