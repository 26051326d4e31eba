namespace TrueLive.Core.Frames;

/// <summary>Where decoded frames come from: a peer connection, a WebSocket, a file, a generated scene.</summary>
public interface IVideoSource
{
    /// <summary>
    /// The next frame, which the caller disposes; null at the end of the source. Live sources must be read without pause, since
    /// inter-coded video needs every frame decoded. One reader at a time.
    /// </summary>
    /// <exception cref="IOException">
    /// The connection to the source is lost; for a live source the message says why, in words for the user.
    /// </exception>
    ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel);
}
