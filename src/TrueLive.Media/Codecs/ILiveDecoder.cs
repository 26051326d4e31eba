using TrueLive.Core.Frames;

namespace TrueLive.Media.Codecs;

/// <summary>
/// Decodes one live stream of pictures from a stranger, here or elsewhere. One picture at a time: wait for the result of a call before the
/// next.
/// </summary>
public interface ILiveDecoder : IDisposable
{
    /// <summary>
    /// True from the start and after a frame that could not be decoded, until a key frame is decoded: ask the sender for one.
    /// </summary>
    bool NeedsKeyFrame { get; }

    /// <summary>Why the stream cannot be shown, with what to do about it; null while it can.</summary>
    string? Trouble { get; }

    /// <summary>Another key frame would not help now.</summary>
    bool Hopeless { get; }

    /// <summary>Frames that could not be decoded.</summary>
    long Dropped { get; }

    /// <summary>
    /// The decoded picture, or null when there is none, as <see cref="VideoDecoder.Decode"/> gives it. The coded bytes are not used after
    /// the call returns.
    /// </summary>
    /// <param name="encoded">A whole coded picture.</param>
    /// <param name="pool">Gives the picture.</param>
    /// <param name="cancel">The stream is over: the result is null and so are all later ones.</param>
    ValueTask<VideoFrame?> DecodeAsync(in EncodedFrame encoded, FramePool pool, CancellationToken cancel);
}
