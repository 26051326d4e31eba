using System.Collections.Immutable;
using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>
/// Tier 1: drives the same <see cref="IModelSession"/> as the live path, but for throughput. Every frame is kept; decode, step and encode
/// overlap through two queues of <see cref="QueueFrames"/> frames that block when full.
/// </summary>
/// <remarks>
/// <code>
/// source -> decode ahead -> [queue] -> model step -> [queue] -> sink
/// </code>
/// </remarks>
public sealed class ClipRender(IModelSession session, ImmutableArray<(TimeSpan At, Prompt Prompt)> prompts, TimeProvider time)
{
    /// <summary>Frames that may wait between two stages: codecs run when the step leaves a core free, so frames come in bursts.</summary>
    public const int QueueFrames = 12;

    private long _taken;
    private long _made;
    private long _outputs;

    /// <summary>Frames that the model took.</summary>
    public long FramesTaken => Interlocked.Read(ref _taken);

    /// <summary>Frames whose output reached the sink.</summary>
    public long FramesDone => Interlocked.Read(ref _outputs);

    /// <summary>
    /// Called before each step; may block, which is how clip work yields to live sessions. Null does nothing.
    /// </summary>
    public Action<CancellationToken>? BeforeStep { get; init; }

    /// <summary>
    /// Called between two steps with the numbers of frames that the model has taken and made so far; its memory may be captured here.
    /// </summary>
    public Action<long, long>? BetweenSteps { get; init; }

    /// <summary>
    /// Decides, by a frame's position in the source, whether the memory is reset before it. Frames still inside the model come out first.
    /// </summary>
    public Func<long, bool>? ForgetsBefore { get; init; }

    /// <summary>
    /// Decides whether, at the end of the source, frames still inside the model are flushed; otherwise they stay for a capture.
    /// </summary>
    public Func<bool>? FlushesAtEnd { get; init; }

    /// <summary>
    /// Renders until the source ends, <paramref name="frameLimit"/> frames are made, or <paramref name="cancel"/> fires. Returns the
    /// frames made in this call and whether the source ended. The first failure of any stage ends the other two and is thrown.
    /// </summary>
    public async Task<(long Frames, bool SourceEnded)> RunAsync(
        IVideoSource source, IVideoSink sink, long frameLimit, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var decoded = Channel.CreateBounded<VideoFrame>(new BoundedChannelOptions(QueueFrames)
        { SingleReader = true, SingleWriter = true });
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
            var made = new MadeFrame[Chunk.MaxFrames];
            await foreach (var input in decoded.Reader.ReadAllAsync(stop.Token).ConfigureAwait(false))
            {
                using (input)
                {
                    BeforeStep?.Invoke(stop.Token);
                    if (ForgetsBefore?.Invoke(input.Ticket.SourceSequence) == true)
                    {
                        await FlushAsync(made).ConfigureAwait(false);
                        session.Reset();
                    }
                    BetweenSteps?.Invoke(_taken, _made);
                    var prompt = PromptSchedule.PromptAt(prompts, input.Ticket.Captured);
                    var began = time.GetTimestamp();
                    input.Ticket = input.Ticket with { Taken = began };
                    var count = session.Step(input, prompt, made);
                    Interlocked.Increment(ref _taken);
                    await PassOnAsync(made, count, began).ConfigureAwait(false);
                }
            }
            if (!stop.IsCancellationRequested && FlushesAtEnd?.Invoke() != false)
                await FlushAsync(made).ConfigureAwait(false);
        }

        async Task FlushAsync(MadeFrame[] made)
        {
            while (true)
            {
                var began = time.GetTimestamp();
                var count = session.Flush(made);
                if (count == 0)
                    return;
                await PassOnAsync(made, count, began).ConfigureAwait(false);
            }
        }

        async Task PassOnAsync(MadeFrame[] made, int count, long began)
        {
            var (ended, passed) = (time.GetTimestamp(), 0);
            try
            {
                for (; passed < count; passed++)
                {
                    var ticket = made[passed].Ticket with
                    {
                        OutputSequence = _made,
                        StepBegan = began,
                        StepEnded = ended,
                        Released = ended,
                    };
                    await stepped.Writer.WriteAsync(made[passed] with { Ticket = ticket }, stop.Token).ConfigureAwait(false);
                    _made++;
                }
            }
            finally
            {
                for (; passed < count; passed++)
                    made[passed].Frame.Dispose();
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
