using System.Runtime.InteropServices;
using System.Threading.Channels;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Codecs;

/// <summary>
/// Decodes unusually large pictures one after the other on a thread of the lowest priority: a picture of nine megapixels takes longer than
/// a step, and the steps of other sessions must not wait for it. Bound: each connection waits for its picture before it reads the next.
/// </summary>
public sealed partial class LargePictures : IDisposable
{
    /// <summary>Pixels from which a picture is large.</summary>
    public const long Large = 1280 * 720 + 1;

    private const int LowestPriority = 19;

    private readonly Channel<Action> _waiting = Channel.CreateUnbounded<Action>(new UnboundedChannelOptions { SingleReader = true });

    /// <summary>Starts the thread.</summary>
    public LargePictures() => new Thread(Run) { IsBackground = true, Name = "large pictures" }.Start();

    /// <summary>Decodes as <see cref="JpegCodec.Decode"/> does. Codec and bytes must not be touched until the task completes.</summary>
    public Task<VideoFrame?> DecodeAsync(JpegCodec codec, ReadOnlyMemory<byte> jpeg, FramePool pool)
    {
        var done = new TaskCompletionSource<VideoFrame?>(TaskCreationOptions.RunContinuationsAsynchronously);
        return _waiting.Writer.TryWrite(() =>
        {
            try
            {
                done.SetResult(codec.Decode(jpeg.Span, pool));
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        }) ? done.Task : Task.FromResult<VideoFrame?>(null);
    }

    /// <summary>Ends the thread once it has decoded what waits.</summary>
    public void Dispose() => _waiting.Writer.TryComplete();

    private void Run()
    {
        // On Linux this sets the priority of the calling thread only.
        _ = SetPriority(0, 0, LowestPriority);
        while (_waiting.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            while (_waiting.Reader.TryRead(out var work))
                work();
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, uint who, int priority);
}
