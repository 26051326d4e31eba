using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Processes;
using TrueLive.Workers.Frames;
using TrueLive.Workers.Link;

namespace TrueLive.Workers;

/// <summary>
/// One stream through a worker. It outlives the worker's process: while there is none each step throws <see cref="ModelAwayException"/>,
/// and a new process opens the stream again, without its memory.
/// </summary>
internal sealed partial class WorkerStream : IModelSession
{
    // The answer to a flush names no step.
    private const long NoStep = -1;

    private static readonly TimeSpan OpenLimit = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LeastStepLimit = TimeSpan.FromSeconds(5);

    private readonly WorkerModel _model;
    private readonly FramePool _outputs;
    private readonly FramePool _scratch = new("model input", 1);
    private readonly TimeProvider _time;
    private readonly WorkerTickets _tickets = new();
    private FrameScaler? _scaler;
    private PackedPicture? _packed;
    private SharedFrames? _frames;
    private Prompt? _told;
    private ColourSpace _colour;
    private bool _mustReset;
    private int _failures;

    public WorkerStream(WorkerModel model, FramePool outputs, int width, int height, TimeProvider time) =>
        (_model, _outputs, Width, Height, _time) = (model, outputs, width, height, time);

    public int Width { get; }

    public int Height { get; }

    /// <summary>Number of steps whose frame was sent to a worker.</summary>
    internal long Steps => _tickets.Count;

    public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        var here = Enter();
        if (_mustReset)
            Forget(here);
        Tell(here, prompt);
        var fitted = Fit(input);
        try
        {
            _packed!.Pack(fitted, here.Frames[0]);
        }
        finally
        {
            fitted.Dispose();
        }
        var step = _tickets.Add(input.Ticket);
        Expect(here, Awaited.Made, step);
        here.Socket.Send(new StepMessage(here.Session, false, step, input.Ticket.Captured.Ticks / TimeSpan.TicksPerMicrosecond,
            prompt.Revision));
        _colour = input.Colour;
        return Collect(here, _colour, prompt.Revision, made);
    }

    public int Flush(Span<MadeFrame> made)
    {
        if (_model.Info.Chunk.Held == 0)
            return 0;
        var here = Enter();
        var revision = _told?.Revision ?? 0;
        Expect(here, Awaited.Made, NoStep);
        here.Socket.Send(new StepMessage(here.Session, true, NoStep, 0, revision));
        return Collect(here, _colour, revision, made);
    }

    public void Reset()
    {
        try
        {
            Forget(Enter());
        }
        catch (ModelAwayException)
        {
            // There is no memory left to reset; the next step reports what happened.
        }
    }

    public ModelState Capture()
    {
        var info = _model.Info;
        if (!info.HasMemory && info.Chunk.Held == 0)
            return new ModelState(info.Id, info.Version, Width, Height, ReadOnlyMemory<byte>.Empty);
        var here = Enter();
        here.Socket.ExpectState();
        Expect(here, Awaited.State);
        here.Socket.Send(new ToWorker("capture") { Session = here.Session });
        var state = Wait(here).State;
        return new ModelState(info.Id, info.Version, Width, Height, _tickets.Write(state));
    }

    public void Restore(ModelState state)
    {
        var info = _model.Info;
        if ((state.ModelId, state.ModelVersion, state.Width, state.Height) != (info.Id, info.Version, Width, Height))
            throw new ArgumentException($"The memory belongs to {state.ModelId} {state.ModelVersion} at {state.Width}x{state.Height}.",
                nameof(state));
        Reset();
        if (state.Bytes.Length == 0)
            return;
        var here = Enter();
        var own = _tickets.Read(state.Bytes);
        Expect(here, Awaited.Done);
        here.Socket.SendState(here.Session, own.Span);
        Wait(here);
    }

    public void Dispose()
    {
        _model.Leave(this);
        WorkerRun? run;
        lock (_gate)
        {
            run = _here?.Run;
            _here = null;
            _next?.Dispose();
            _next = null;
        }
        run?.Close(_session);
        _frames?.Dispose();
        _frames = null;
    }

    private TimeSpan StepLimit => _typical * 10 is var ten && ten > LeastStepLimit ? ten : LeastStepLimit;

    private void Tell(Here here, Prompt prompt)
    {
        if (_told is { } told && (told.Revision, told.Text, told.Strength) == (prompt.Revision, prompt.Text, prompt.Strength)
            && told.Values.Equals(prompt.Values))
            return;
        here.Socket.Send(new ToWorker("prompt")
        {
            Session = here.Session,
            Revision = prompt.Revision,
            Text = prompt.Text,
            Strength = prompt.Strength,
            Values = ToWorker.ValuesOf(_model.Info.Parameters, prompt.Values),
        });
        _told = prompt;
    }

    private void Forget(Here here)
    {
        Expect(here, Awaited.Done);
        here.Socket.Send(new ToWorker("reset") { Session = here.Session });
        Wait(here);
        _mustReset = false;
        _tickets.Forget();
    }

    private int Collect(Here here, ColourSpace colour, long revision, Span<MadeFrame> made)
    {
        var began = _time.GetTimestamp();
        var answer = Wait(here);
        _typical += (_time.GetElapsedTime(began) - _typical) / 16;
        ComputeTime = TimeSpan.FromMicroseconds(Math.Clamp(answer.Made.ComputeUs, 0, 600_000_000));
        var chunk = _model.Info.Chunk;
        var count = answer.Made.Count;
        if (count > Math.Min(chunk.Gives, made.Length))
            throw Break(here, $"It handed out {count} pictures in a step; it said that it gives {chunk.Gives}.");
        var slots = 0UL;
        for (var i = 0; i < count; i++)
        {
            var picture = _pictures[i];
            if (picture.Slot < 1 || picture.Slot >= here.Frames.Slots || (slots & (1UL << (int)(picture.Slot - 1))) != 0)
                throw Break(here, $"It handed out slot {picture.Slot}, which is not its own to fill.");
            if (picture.Revision < 0 || picture.Revision > revision)
                throw Break(here, $"It named prompt revision {picture.Revision}, which it was never given.");
            slots |= 1UL << (int)(picture.Slot - 1);
        }
        var taken = 0;
        try
        {
            for (; taken < count; taken++)
            {
                var picture = _pictures[taken];
                if (_tickets.Take(picture.Source) is not { } ticket)
                    throw Break(here, $"It handed out a picture of frame {picture.Source}, which it does not have, or out of order.");
                var frame = _outputs.Rent(Width, Height);
                frame.Colour = colour;
                _packed!.Unpack(here.Frames[(int)picture.Slot], frame);
                made[taken] = new MadeFrame(frame, ticket with { PromptRevision = picture.Revision, Origin = FrameOrigin.Generated });
            }
        }
        catch
        {
            foreach (var one in made[..taken])
                one.Frame.Dispose();
            throw;
        }
        _failures = 0;
        return count;
    }

    private VideoFrame Fit(VideoFrame input)
    {
        if (input.Width == Width && input.Height == Height)
            return input.Retain();
        if (_scaler is null || _scaler.FromWidth != input.Width || _scaler.FromHeight != input.Height)
            _scaler = new FrameScaler(input.Width, input.Height, Width, Height);
        var scaled = _scratch.Rent(Width, Height);
        scaled.Colour = input.Colour;
        _scaler.Scale(input, scaled);
        return scaled;
    }
}
