using TrueLive.Core.Frames;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Trials;

/// <summary>A misbehaving server in virtual time, without codec and network. Its sessions answer while they are sent pictures.</summary>
internal sealed class VirtualServer(LiveBehaviour behaviour, VirtualClock clock)
{
    private readonly List<VirtualTarget> _open = [];

    public VirtualServer(string behaviour, VirtualClock clock)
        : this(LiveBehaviour.All.Concat(LiveBehaviour.ForTrials).First(b => b.Name == behaviour), clock)
    {
    }

    public LiveBehaviour Behaviour => behaviour;

    public VirtualClock Clock => clock;

    /// <summary>Seconds that opening takes, by the number of the session from 0.</summary>
    public Func<int, double> Opening { get; init; } = _ => 0.5;

    /// <summary>Whether lines can be made bad.</summary>
    public bool CanImpair { get; init; } = true;

    public int[] Rates { get; init; } = [15, 30, 60];

    /// <summary>Called after each picture that a session was sent.</summary>
    public Action<int>? Sent { get; init; }

    /// <summary>Whether the server ends a session that was sent so many pictures over such a line.</summary>
    public Func<LineState, int, bool> Ends { get; init; } = (_, _) => false;

    /// <summary>What reading from a session fails with.</summary>
    public Exception? Broken { get; init; }

    public int Opened { get; private set; }

    public int MostAtOnce { get; private set; }

    public int OpenNow => _open.Count;

    public IProbeTarget Open() => new VirtualTarget(this);

    internal void Enter(VirtualTarget session)
    {
        clock.Advance(Opening(Opened));
        if (_open.Count >= behaviour.Places)
            throw new TargetException("The server answered 503: all places are taken.");
        _open.Add(session);
        Opened++;
        MostAtOnce = Math.Max(MostAtOnce, _open.Count);
        session.Video.Beside = () => _open.Find(o => o != session)?.Video;
    }

    internal void Leave(VirtualTarget session) => _open.Remove(session);
}

/// <summary>A session with a <see cref="VirtualServer"/>. Sending returns once the answers have been read.</summary>
internal sealed class VirtualTarget(VirtualServer server) : IProbeTarget
{
    private readonly Queue<(VideoFrame Frame, long Presented)> _answers = new();
    private readonly FramePool _pool = new("virtual", 64);
    private readonly LivePictures _pictures = new();
    private readonly Random _losses = new(5);
    private readonly Lock _gate = new();
    private TaskCompletionSource _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LineState _line = LineState.Good;
    private int _tick = -1;
    private int _sent;

    public ReceivedVideo Video { get; } = new();

    public string Description => "virtual";

    public bool TakesPrompts => false;

    public string? EndedBecause => null;

    public bool TakesRate(int rate) => server.Rates.Contains(rate);

    public bool Impair(LineState line)
    {
        _line = line;
        return server.CanImpair;
    }

    public Task ConnectAsync(StimulusFormat format, CancellationToken cancel)
    {
        server.Enter(this);
        return Task.CompletedTask;
    }

    public async ValueTask<bool> SendAsync(VideoFrame frame, CancellationToken cancel)
    {
        if (server.Ends(_line, _sent))
            throw new TargetException("The server ended the session.");
        await AnswerAsync(frame, cancel);
        _sent++;
        server.Sent?.Invoke(_sent);
        return true;
    }

    private async Task AnswerAsync(VideoFrame frame, CancellationToken cancel)
    {
        var now = server.Clock.GetTimestamp() / (double)TimeSpan.TicksPerSecond;
        // A picture of a few packets is lost with any of them.
        if (!_line.UplinkCut && _losses.NextDouble() >= 1 - Math.Pow(1 - _line.Loss, 3))
            Video.Add(now, LivePictures.Read(frame));
        Task read;
        lock (_gate)
        {
            _tick = _tick < 0 ? (int)Math.Ceiling(now * CodeLaw.Rate - 1e-6) - 1 : _tick;
            while ((_tick + 1) / (double)CodeLaw.Rate <= now + 1e-9)
            {
                _tick++;
                if (server.Behaviour.Next(Video, _tick) is { } shown && _pictures.Draw(shown, _pool) is { } answer)
                    _answers.Enqueue((answer, (long)(_tick / (double)CodeLaw.Rate * TimeSpan.TicksPerSecond)));
            }
            if (_answers.Count == 0)
                return;
            if (_read.Task.IsCompleted)
                _read = new(TaskCreationOptions.RunContinuationsAsynchronously);
            read = _read.Task;
            _more.TrySetResult();
        }
        await read.WaitAsync(cancel);
    }

    public async ValueTask<(VideoFrame Frame, long Presented)?> ReceiveAsync(CancellationToken cancel)
    {
        while (true)
        {
            if (server.Broken is { } failed)
                throw failed;
            Task more;
            lock (_gate)
            {
                if (_answers.TryDequeue(out var next))
                    return next;
                _read.TrySetResult();
                if (_more.Task.IsCompleted)
                    _more = new(TaskCreationOptions.RunContinuationsAsynchronously);
                more = _more.Task;
            }
            await more.WaitAsync(cancel);
        }
    }

    public Task PromptAsync(string prompt, CancellationToken cancel) => Task.CompletedTask;

    public ValueTask DisposeAsync()
    {
        server.Leave(this);
        while (_answers.TryDequeue(out var left))
            left.Frame.Dispose();
        return ValueTask.CompletedTask;
    }
}
