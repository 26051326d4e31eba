using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;

namespace TrueLive.Samples.SourceAndSink;

/// <summary>Writes each picture as a JPEG file named after the input frame that it was made from.</summary>
internal sealed class JpegFolder : IVideoSink, IDisposable
{
    private readonly string _folder;
    private readonly JpegCodec _jpeg = new();
    private readonly JpegColour _colour = new();
    private int _written;

    public JpegFolder(string folder) => _folder = Directory.CreateDirectory(folder).FullName;

    /// <summary>Called after each picture with the number of pictures written so far.</summary>
    public Action<int>? Wrote { get; set; }

    // While this waits, newer frames replace older ones in the session's mailbox: a slow sink lowers the rate but adds no delay.
    public async ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        using var picture = _colour.Convert(made.Frame);
        var file = Path.Combine(_folder, $"{made.Ticket.SourceSequence:00000}.jpg");
        await File.WriteAllBytesAsync(file, _jpeg.Encode(picture, quality: 85).ToArray(), cancel).ConfigureAwait(false);
        Wrote?.Invoke(++_written);
        return true;
    }

    public void Dispose() => _jpeg.Dispose();
}
