using TrueLive.Media.Files;

namespace TrueLive.Server.Streams;

/// <summary>Writes the pictures and the sound of one connection to its child, each at its place on one line. Not thread-safe.</summary>
internal sealed class OutputWriter(Stream child, OutputFlow flow, TimeProvider time)
{
    private readonly MatroskaWriter _file = new();
    private readonly OutputLine _line = new(time);
    private readonly OutputSound _sound = new(time);
    private int _pictures;
    private byte[]? _mark;

    /// <summary>Whether the head and a first picture were written.</summary>
    public bool HasBegun => _pictures > 0;

    /// <summary>
    /// Whether a picture begins with other parameters than those at the front, which no container can hold: the next connection, or the
    /// next file, does.
    /// </summary>
    public bool IsOther(in CodedPacket picture) => picture.Key && _file.TakeParameters(picture.Data.Span);

    /// <summary>Writes a picture, and the silence that belongs before it. Returns the number of bytes.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="sourceType">What a key frame says of how the pictures were made; null for nothing.</param>
    /// <param name="cancel">Ends the wait for the child.</param>
    public async ValueTask<int> PictureAsync(CodedPacket picture, string? sourceType, CancellationToken cancel)
    {
        if (!HasBegun)
            await child.WriteAsync(_file.Begin(), cancel).ConfigureAwait(false);
        var place = flow.Place(picture.RtpTime);
        // The second comes when the output has been opened, however long after the first.
        _line.Picture(place, picture.Arrived, anew: _pictures++ <= 1);
        var (silent, at) = _sound.Before(place / 90);
        for (var i = 0; i < silent; i++)
            await child.WriteAsync(_file.Sound(MatroskaWriter.Silence, (uint)(at + i * OutputSound.Packet)), cancel).ConfigureAwait(false);
        var mark = picture is { Key: true, Made: true } && sourceType is not null ? _mark ??= Xmp.InH264(sourceType) : null;
        var block = _file.Picture(picture.Data.Span, picture.Key, (uint)(place / 90), mark);
        await child.WriteAsync(block, cancel).ConfigureAwait(false);
        return block.Length;
    }

    /// <summary>Writes a packet of sound; one that has no place any more is let go. Returns the number of bytes.</summary>
    public async ValueTask<int> SoundAsync(CodedPacket sound, CancellationToken cancel)
    {
        var place = _line.Sound(sound.RtpTime, sound.Arrived) / 90;
        if (!_sound.Takes(place))
            return 0;
        var block = _file.Sound(sound.Data.Span, (uint)Math.Max(0, place));
        await child.WriteAsync(block, cancel).ConfigureAwait(false);
        return block.Length;
    }
}
