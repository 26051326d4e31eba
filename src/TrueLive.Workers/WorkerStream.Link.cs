using TrueLive.Core.Models;
using TrueLive.Core.Processes;
using TrueLive.Workers.Frames;
using TrueLive.Workers.Jail;
using TrueLive.Workers.Link;

namespace TrueLive.Workers;

/// <content>
/// The stream's state with regard to the current process: what it waits for, and what has arrived. The thread of its steps waits; the
/// thread of the process delivers answers.
/// </content>
internal sealed partial class WorkerStream
{
    // A model that fails on this many frames in a row is given up, like one that runs in this process.
    private const int FailureLimit = 30;

    private readonly object _gate = new();
    private readonly MadePicture[] _pictures = new MadePicture[MadeMessage.MaxPictures];
    private Here? _here;
    private SharedFrames? _next;
    private uint _session;
    private bool _isOpen;
    private bool _lost;
    private Awaited _awaited;
    private long _since;
    private TimeSpan _limit;
    private TimeSpan _typical;
    private long _step;
    private Reply _reply;
    private string _why = "It is starting.";
    private bool _wrong;

    private enum Awaited
    {
        Nothing,
        Opened,
        Made,
        Done,
        State,
    }

    /// <summary>Time that the model took for the last step, by the worker's clock.</summary>
    public TimeSpan ComputeTime { get; private set; }

    /// <summary>Whether a step is in progress in the worker.</summary>
    internal bool Waits
    {
        get
        {
            lock (_gate)
                return _awaited == Awaited.Made;
        }
    }

    /// <summary>Starts over with a process that is ready.</summary>
    public void Attach(WorkerRun run, WorkerSocket socket, uint session, ReadyMessage ready)
    {
        var format = ready.Format == "i420" ? PackedFormat.I420 : PackedFormat.Rgb8;
        lock (_gate)
        {
            // The stepping thread may still use the old process's shared memory: it switches to the new one at its next step.
            _next?.Dispose();
            _next = new SharedFrames(PackedPicture.BytesOf(format, Width, Height), 1 + ready.Gives);
            (_here, _session, _isOpen, _wrong) = (new Here(run, socket, session, _next, format), session, false, false);
            Await(Awaited.Opened, OpenLimit);
            socket.Send(new ToWorker("open")
            {
                Session = session,
                Width = Width,
                Height = Height,
                Slots = _next.Slots,
                Stride = _next.Stride
            }, _next.File);
        }
    }

    /// <summary>Waits until the attached process has opened the stream; returns null, or the reason why it could not.</summary>
    public string? OpenedOrWhyNot()
    {
        lock (_gate)
        {
            while (_here is not null && _awaited == Awaited.Opened)
                Monitor.Wait(_gate);
            return _isOpen ? null : _why;
        }
    }

    /// <summary>Called when the process has ended.</summary>
    public void Lose(string why)
    {
        lock (_gate)
        {
            _lost |= _isOpen;
            (_here, _isOpen, _why) = (null, false, why);
            Await(Awaited.Nothing, default);
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The reason to end a worker whose answer is overdue; null while there is time.</summary>
    public string? Overdue(long now)
    {
        lock (_gate)
        {
            return _awaited == Awaited.Nothing || _time.GetElapsedTime(_since, now) <= _limit ? null
                : _awaited == Awaited.Opened ? $"It did not open a stream within {_limit.TotalSeconds:0} s."
                : $"It hung: a step took more than {_limit.TotalSeconds:0} s.";
        }
    }

    /// <summary>Called when the result of a step has arrived.</summary>
    public void Answer(ReadOnlySpan<byte> body)
    {
        lock (_gate)
        {
            var made = MadeMessage.Read(body, _pictures);
            if (_awaited != Awaited.Made || made.Step != _step)
                throw new WorkerException($"It answered step {made.Step}, which nobody waits for.");
            Settle(new Reply { Made = made });
        }
    }

    /// <summary>Called when a session's memory has arrived.</summary>
    public void AnswerState(ReadOnlyMemory<byte> state)
    {
        lock (_gate)
        {
            if (_awaited != Awaited.State)
                throw new WorkerException("It sent a memory that nobody asked for.");
            Settle(new Reply { State = state });
        }
    }

    /// <summary>Called when a control message has arrived.</summary>
    public void Answer(FromWorker message)
    {
        lock (_gate)
        {
            if (message.Type == "failed" && _awaited != Awaited.Nothing)
            {
                _isOpen &= _awaited != Awaited.Opened;
                _wrong |= _awaited == Awaited.Opened;
                _why = WorkerRun.Told(message);
                Settle(new Reply { Failed = message.Scope ?? "" });
            }
            else if (message.Type == "opened" && _awaited == Awaited.Opened)
            {
                _isOpen = true;
                Settle(default);
            }
            else if (message.Type == "done" && _awaited == Awaited.Done)
            {
                Settle(default);
            }
            else
            {
                throw new WorkerException($"It sent '{message.Type}', which nobody waits for.");
            }
        }
    }

    // The process to step with; switches to the shared memory of a new one.
    private Here Enter()
    {
        lock (_gate)
        {
            if (_here is not { } here || !_isOpen)
                throw Away(_why, _wrong && !_model.Reloads);
            if (_next is not null)
            {
                _frames?.Dispose();
                (_frames, _next, _told, _mustReset) = (_next, null, null, false);
                _packed = new PackedPicture(here.Format, Width, Height);
                _tickets.Forget();
            }
            if (_lost)
            {
                _lost = false;
                if (_model.Info is { HasMemory: true } or { Chunk.Held: > 0 })
                    throw Away("It was started anew and has lost what it remembered.", false);
            }
            return here;
        }
    }

    private void Expect(Here here, Awaited what, long step = NoStep)
    {
        lock (_gate)
        {
            if (_here != here)
                throw Away(_why, false);
            _step = step;
            Await(what, StepLimit);
        }
    }

    private Reply Wait(Here here)
    {
        Reply reply;
        lock (_gate)
        {
            while (_here == here && _awaited != Awaited.Nothing)
                Monitor.Wait(_gate);
            if (_here != here)
                throw Away(_why, false);
            reply = _reply;
            if (reply.Failed is null)
                return reply;
        }
        _mustReset |= reply.Failed != "step";
        throw Away(_why, ++_failures >= FailureLimit && !_model.Reloads);
    }

    private void Await(Awaited what, TimeSpan limit) => (_awaited, _limit, _since) = (what, limit, _time.GetTimestamp());

    private void Settle(in Reply reply)
    {
        (_reply, _awaited) = (reply, Awaited.Nothing);
        Monitor.PulseAll(_gate);
    }

    private ModelAwayException Break(Here here, string why)
    {
        here.Run.End(why);
        return Away(why, false);
    }

    private ModelAwayException Away(string why, bool forGood) =>
        new($"{_model.Info.Title} is away. {why}", forGood || (_here is null && _model.GaveUp));

    private sealed class Here(WorkerRun run, WorkerSocket socket, uint session, SharedFrames frames, PackedFormat format)
    {
        public WorkerRun Run => run;

        public WorkerSocket Socket => socket;

        public uint Session => session;

        public SharedFrames Frames => frames;

        public PackedFormat Format => format;
    }

    private readonly record struct Reply(MadeMessage Made, ReadOnlyMemory<byte> State, string? Failed);
}
