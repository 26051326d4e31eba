using System.Runtime.CompilerServices;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <content>
/// The output side: completes the tickets of the frames that a step handed out and sends them to the sink, at once or when they are due.
/// </content>
public sealed partial class LiveSession
{
    // The sink gets one frame at a time: those of a chunk come from the pacer, others straight from the step.
    private readonly SemaphoreSlim _sending = new(1, 1);
    private long _outputs;

    // The frames of a chunk leave one by one, while the next chunk fills and is worked on.
    private async Task<SessionEnd?> PaceAsync(FramePacer pacer, IVideoSink sink, CancellationToken stop)
    {
        try
        {
            while (true)
                await SendAsync(await pacer.TakeAsync(stop).ConfigureAwait(false), sink, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return null;
        }
        catch (IOException error)
        {
            return new SessionEnd(EndCause.SendClient, error);
        }
        catch (Exception error)
        {
            return new SessionEnd(EndCause.SendServer, error);
        }
    }

    // Completes the tickets of the frames that a step handed out, and drops those that were inside for longer than the model's design
    // explains. Returns how many are left.
    private int Stamp(Span<MadeFrame> made, Chunk chunk, long began)
    {
        var (ended, kept) = (_time.GetTimestamp(), 0);
        foreach (var one in made)
        {
            // The step's own input was checked before the step.
            if (one.Ticket.Taken != began && IsStale(one.Ticket, chunk, began))
            {
                one.Frame.Dispose();
                _counters.Dropped(DropReason.Stale);
                continue;
            }
            made[kept++] = one with { Ticket = one.Ticket with { StepBegan = began, StepEnded = ended, Released = ended } };
        }
        return kept;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask SendAsync(MadeFrame made, IVideoSink sink, CancellationToken stop)
    {
        using var frame = made.Frame;
        await _sending.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (Settings.Epoch != made.Ticket.Epoch)
            {
                _counters.Dropped(DropReason.Flushed);
                return;
            }
            made = made with { Ticket = made.Ticket with { OutputSequence = _outputs } };
            if (!await sink.WriteAsync(made, stop).ConfigureAwait(false)) // (5) (6)
            {
                _counters.Dropped(DropReason.SinkFull);
                return;
            }
            _outputs++;
            // A frame that was passed through instead of made does not count towards the promised rate.
            _counters.Sent(made.Ticket, _time.GetTimestamp(), counts: made.Ticket.ModelId is not null);
            Settle(made.Ticket);
        }
        finally
        {
            _sending.Release();
        }
    }
}
