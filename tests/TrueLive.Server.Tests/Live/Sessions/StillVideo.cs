using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;

namespace TrueLive.Server.Tests.Live.Sessions;

/// <summary>A client that is connected and sends nothing until it goes.</summary>
internal sealed class StillVideo : IVideoSource, IVideoSink
{
    private readonly TaskCompletionSource<VideoFrame?> _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public void Vanish() => _gone.TrySetResult(null);

    public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel) => await _gone.Task.WaitAsync(cancel);

    public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel) => new(true);
}
