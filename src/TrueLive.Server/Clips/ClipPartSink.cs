using System.Collections.Concurrent;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>
/// Writes a scene's frames as parts. A part ends at a frame that the step thread marked. The next part begins while the encoder of the last
/// one finishes, so that the model does not wait for it.
/// </summary>
internal sealed class ClipPartSink(ClipWork work, int scene, ClipFileSettings settings, int width, int height) : IVideoSink,
IAsyncDisposable
{
    private readonly ConcurrentQueue<(long Made, long Next, ModelState Memory)> _marks = new();
    private FileSink? _part;
    private string _name = "";
    private TimeSpan _start;
    private TimeSpan _last;
    private long _written;
    private Task _finishing = Task.CompletedTask;

    /// <summary>Frames before this time only warm up the memory and are not written.</summary>
    public TimeSpan From { get; init; } = TimeSpan.Zero;

    /// <summary>
    /// Called by the step thread: the part ends once <paramref name="made"/> frames of this run are written. The next part begins at source
    /// frame <paramref name="next"/> with this memory, which includes frames that the model has taken and not yet handed out.
    /// </summary>
    public void Mark(long made, long next, ModelState memory) => _marks.Enqueue((made, next, memory));

    public async ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
    {
        var ticket = made.Ticket;
        while (_marks.TryPeek(out var mark) && _written >= mark.Made)
        {
            _marks.TryDequeue(out _);
            await EndPartAsync(mark.Next, mark.Memory, ended: false, cancel).ConfigureAwait(false);
        }
        _written++;
        if (ticket.Captured < From)
            return true;
        if (_part is null)
        {
            _start = ticket.Captured;
            _name = $"part-{scene:0000}-{ticket.SourceSequence:00000000}.mkv";
            _part = await FileSink.CreateAsync(work.PathOf(_name), width, height, settings.Format, settings.EncoderThreads, cancel)
                .ConfigureAwait(false);
        }
        _last = ticket.Captured;
        return await _part.WriteAsync(made, cancel).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends the last part; <paramref name="memory"/> is the memory after it, with which source frame <paramref name="next"/> comes next.
    /// </summary>
    public async Task FinishAsync(long next, ModelState memory, bool ended, CancellationToken cancel)
    {
        if (_written > 0)
            await EndPartAsync(next, memory, ended, cancel).ConfigureAwait(false);
        else if (ended)
            work.Advance(scene, state => state with { Ended = true });
        await _finishing.ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        if (_part is not null)
            await _part.DisposeAsync().ConfigureAwait(false);
        await _finishing.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default)
            .ConfigureAwait(false);
    }

    private async Task EndPartAsync(long next, ModelState memory, bool ended, CancellationToken cancel)
    {
        // At most one part finishes while the next is written, and parts are recorded in order.
        await _finishing.ConfigureAwait(false);
        var (part, name, start, last) = (_part, _name, _start, _last);
        _part = null;
        _finishing = part is null && !ended ? Task.CompletedTask : Finish();
        if (work.Bytes > settings.MaxBytes)
            throw new MediaFileException($"The clip takes more than the {settings.MaxBytes >> 20} MB that it may. Choose a smaller size " +
                "or a shorter part.");

        async Task Finish()
        {
            var frames = part?.Frames ?? 0;
            if (part is not null)
            {
                await using (part)
                    await part.FinishAsync(cancel).ConfigureAwait(false);
            }
            var saved = work.SaveMemory(scene, next, memory);
            work.Advance(scene, state => state with
            {
                Next = next,
                Memory = saved,
                Ended = ended,
                LastTicks = part is null ? state.LastTicks : last.Ticks,
                Parts = part is null ? state.Parts : [.. state.Parts, new ClipPart(name, start.Ticks, frames)],
            });
        }
    }
}
