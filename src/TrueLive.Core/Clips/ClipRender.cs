using System.Collections.Immutable;
using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>
/// Tier 1: drives the same <see cref="IModelSession"/> as the live path, but for throughput. Every frame is kept, decode, step and
/// encode overlap through two queues of <see cref="QueueFrames"/> frames that block when full (nothing is ever dropped).
/// </summary>
/// <remarks>
/// <code>
/// source -> decode ahead -> [queue] -> model step -> [queue] -> sink
/// </code>
/// </remarks>
public sealed class ClipRender(IModelSession session, ImmutableArray<(TimeSpan At, Prompt Prompt)> prompts, TimeProvider time)
{
    /// <summary>Frames that may wait between two stages: codecs run when the step leaves a core, so that they come in bursts.</summary>
    public const int QueueFrames = 12;

    private long _outputs;

    /// <summary>Frames whose output reached the sink.</summary>
    public long FramesDone => Interlocked.Read(ref _outputs);

    /// <summary>
    /// Called before each step; may block, which is how clip work yields to live sessions. Null does nothing.
    /// </summary>
    public Action<CancellationToken>? BeforeStep { get; init; }

    /// <summary>
    /// Renders until the source ends, <paramref name="frameLimit"/> frames are made, or <paramref name="cancel"/> fires. Returns the
    /// frames made in this call and whether the source ended. The first failure of any stage ends the other two and is thrown.
    /// </summary>
    public async Task<(long Frames, bool SourceEnded)> RunAsync(IVideoSource source, IVideoSink sink, long frameLimit, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var decoded = Channel.CreateBounded<VideoFrame>(new BoundedChannelOptions(QueueFrames) { SingleReader = true, SingleWriter = true });
        var stepped = Channel.CreateBounded<MadeFrame>(new BoundedChannelOptions(QueueFrames) { SingleReader = true, SingleWriter = true });
        var before = FramesDone;
        var ended = false;
        try
        {
            await Task.WhenAll(
                Stage(DecodeAsync(), decoded.Writer),
                Stage(Task.Run(StepAllAsync, stop.Token), stepped.Writer),
                Stage<object>(EncodeAsync(), null)).ConfigureAwait(false);
        }
        finally
        {
            while (decoded.Reader.TryRead(out var frame))
                frame.Dispose();
            while (stepped.Reader.TryRead(out var item))
                item.Frame.Dispose();
        }
        return (FramesDone - before, ended);

        // A stage that ends completes its output; one that fails stops the others first, so that its own failure is the one thrown.
        async Task Stage<T>(Task stage, ChannelWriter<T>? output)
        {
            try
            {
                await stage.ConfigureAwait(false);
            }
            catch
            {
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
            finally
            {
                output?.TryComplete();
            }
        }

        async Task DecodeAsync()
        {
            for (long n = 0; n < frameLimit; n++)
            {
                var frame = await source.ReadAsync(stop.Token).ConfigureAwait(false);
                if (frame is null)
                {
                    ended = true;
                    return;
                }
                if (!await TryWriteAsync(decoded.Writer, frame).ConfigureAwait(false))
                    frame.Dispose();
            }
        }

        async Task StepAllAsync()
        {
            await foreach (var input in decoded.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                using (input)
                {
                    BeforeStep?.Invoke(stop.Token);
                    var prompt = PromptSchedule.PromptAt(prompts, input.Ticket.Captured);
                    var began = time.GetTimestamp();
                    var output = session.Step(input, prompt);
                    var ticket = input.Ticket with
                    {
                        OutputSequence = input.Ticket.SourceSequence,
                        PromptRevision = prompt.Revision,
                        StepBegan = began,
                        StepEnded = time.GetTimestamp(),
                    };
                    try
                    {
                        await stepped.Writer.WriteAsync(new MadeFrame(output, ticket), stop.Token).ConfigureAwait(false);
                    }
                    catch
                    {
                        output.Dispose();
                        throw;
                    }
                }
            }
        }

        async Task EncodeAsync()
        {
            await foreach (var made in stepped.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                using (made.Frame)
                    await sink.WriteAsync(made, stop.Token).ConfigureAwait(false);
                Interlocked.Increment(ref _outputs);
            }
        }

        async ValueTask<bool> TryWriteAsync(ChannelWriter<VideoFrame> writer, VideoFrame frame)
        {
            try
            {
                await writer.WriteAsync(frame, stop.Token).ConfigureAwait(false);
                return true;
            }
            catch (OperationCanceledException)
            {
                return false;
            }
        }
    }
}
