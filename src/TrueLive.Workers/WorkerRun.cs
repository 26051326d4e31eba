using System.ComponentModel;
using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using TrueLive.Core.Models;
using TrueLive.Core.Processes;
using TrueLive.Workers.Jail;
using TrueLive.Workers.Link;

namespace TrueLive.Workers;

/// <summary>
/// The lifetime of one worker process: start, handshake, messages until it ends. <see cref="Run"/> occupies its thread all the time: the
/// kernel kills the child when the thread that started it ends, so that no child outlives a server that was killed.
/// </summary>
internal sealed class WorkerRun : IDisposable
{
    /// <summary>Time limit to connect, including the program's imports.</summary>
    public static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(60);

    /// <summary>Time limit to load the model.</summary>
    public static readonly TimeSpan LoadLimit = TimeSpan.FromMinutes(10);

    /// <summary>Silence after which the worker counts as hung; it is pinged every second.</summary>
    public static readonly TimeSpan SilenceLimit = TimeSpan.FromSeconds(10);

    /// <summary>Interval at which the worker is checked and pinged.</summary>
    public static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<uint, WorkerStream> _streams = [];
    private readonly LastWords _words;
    private readonly string _token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
    private readonly CancellationTokenSource _stop = new();
    private readonly WorkerSpec _spec;
    private readonly TimeProvider _time;
    private Process? _process;
    private WorkerSocket? _socket;
    private Process? _inside;
    private int? _insideId;
    private string? _why;
    private string? _phase = "did not connect";
    private long _phaseBegan;
    private TimeSpan _phaseLimit = ConnectLimit;
    private long _heard;
    private uint _sessions;
    private bool _isOver;

    public WorkerRun(WorkerSpec spec, TimeProvider time)
    {
        (_spec, _time) = (spec, time);
        _words = new LastWords(time, _stop.Token);
        _phaseBegan = time.GetTimestamp();
    }

    /// <summary>The worker's description of its model; null until it is ready, and again once it has ended.</summary>
    public ReadyMessage? Ready { get; private set; }

    /// <summary>Id of the process inside the sandbox, not of the sandbox; null until it has introduced itself.</summary>
    public int? ProcessId => _insideId;

    /// <summary>Processor time that the worker has used so far.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            try
            {
                return _inside?.TotalProcessorTime ?? TimeSpan.Zero;
            }
            catch (InvalidOperationException)
            {
                return TimeSpan.Zero;
            }
        }
    }

    /// <summary>Runs the process until it ends, and returns the reason.</summary>
    /// <param name="ready">Called on the same thread when the worker is ready.</param>
    public string Run(Action ready)
    {
        var link = Directory.CreateTempSubdirectory("truelive-worker-").FullName;
        Task output = Task.CompletedTask, errors = Task.CompletedTask;
        using var watch = _time.CreateTimer(_ => Watch(), null, WatchInterval, WatchInterval);
        try
        {
            using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(link, "socket")));
            listener.Listen(1);
            _process = Start(link);
            (output, errors) = (_words.ReadAsync(_process.StandardOutput.BaseStream), _words.ReadAsync(_process.StandardError.BaseStream));
            _ = _process.WaitForExitAsync(_stop.Token).ContinueWith(_ => Stop(), TaskScheduler.Default);
            var socket = listener.AcceptAsync(_stop.Token).AsTask().GetAwaiter().GetResult();
            _socket = new WorkerSocket(socket);
            File.Delete(Path.Combine(link, "socket"));
            Converse(_socket, ready);
        }
        catch (OperationCanceledException)
        {
            // The worker ended, or was ended, before it connected.
        }
        catch (WorkerException wrong)
        {
            End(wrong.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or SocketException)
        {
            End($"It could not be started: {e.Message}");
        }
        finally
        {
            Ready = null;
            Directory.Delete(link, recursive: true);
        }
        return Bury(output, errors);
    }

    /// <summary>Ends the worker; only the first reason is kept.</summary>
    public void End(string why)
    {
        Interlocked.CompareExchange(ref _why, why, null);
        Stop();
        Kill();
    }

    /// <summary>Call it only after <see cref="Run"/> has returned. Other calls then have no effect.</summary>
    public void Dispose()
    {
        lock (_gate)
            _isOver = true;
        _stop.Dispose();
        _socket?.Dispose();
    }

    /// <summary>Asks the worker to open a stream; the answer arrives asynchronously, or not at all if the worker has just ended.</summary>
    /// <param name="stream">The stream; whoever runs the worker tells it of the end.</param>
    /// <param name="ready">What <see cref="Ready"/> was: it turns null when the worker ends, on a thread of its own.</param>
    public void Open(WorkerStream stream, ReadyMessage ready)
    {
        lock (_gate)
        {
            stream.Attach(this, _socket!, ++_sessions, ready);
            _streams.Add(_sessions, stream);
        }
    }

    /// <summary>Forgets a stream.</summary>
    public void Close(uint session)
    {
        lock (_gate)
            _streams.Remove(session);
        _socket?.Send(new ToWorker("close") { Session = session });
    }

    private Process Start(string link)
    {
        var command = WorkerJail.Around(_spec.Command, link);
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment.Clear();
        foreach (var (name, value) in WorkerJail.Environment(_token))
            start.Environment[name] = value;
        try
        {
            var process = Process.Start(start)!;
            process.StandardInput.Close();
            return process;
        }
        catch (Win32Exception e)
        {
            throw new WorkerException($"It could not be started: {e.Message}. setsid and prlimit are needed (apt-get install util-linux).",
                e);
        }
    }

    private void Converse(WorkerSocket socket, Action ready)
    {
        _heard = _time.GetTimestamp();
        Phase("did not introduce itself", ConnectLimit);
        var known = false;
        while (socket.Receive() is var (kind, body))
        {
            Volatile.Write(ref _heard, _time.GetTimestamp());
            switch (kind)
            {
                case FrameKind.Made when Ready is not null && body.Length >= 4:
                    Stream(BitConverter.ToUInt32(body.Span[..4]))?.Answer(body.Span);
                    break;
                case FrameKind.State when Ready is not null && body.Length >= 4:
                    Stream(BitConverter.ToUInt32(body.Span[..4]))?.AnswerState(body[4..]);
                    break;
                case FrameKind.Control:
                    var message = FromWorker.Read(body.Span);
                    if (!known)
                    {
                        Greet(message);
                        known = true;
                        _inside = PeerOf(socket);
                        _insideId = _inside.Id;
                        Phase("did not become ready", LoadLimit);
                        socket.Send(new ToWorker("load")
                        {
                            Folder = _spec.Command.Folder,
                            Values = ToWorker.ValuesOf(_spec.Info.Parameters, ParameterValues.None),
                        });
                    }
                    else
                    {
                        Control(message, ready);
                    }
                    break;
                default:
                    throw new WorkerException($"It sent a message ({kind}) that nobody waits for.");
            }
        }
    }

    private static Process PeerOf(WorkerSocket socket)
    {
        try
        {
            return Process.GetProcessById(socket.Peer);
        }
        catch (ArgumentException e)
        {
            throw new WorkerException("It ended while it introduced itself.", e);
        }
    }

    private void Greet(FromWorker hello)
    {
        if (hello.Type != "hello" || hello.Protocol != FrameHead.Version)
            throw new WorkerException($"Its first message is no hello of protocol {FrameHead.Version}; is it an older truelive_worker " +
                "of your own?");
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(hello.Token ?? ""), Encoding.UTF8.GetBytes(_token)))
            throw new WorkerException("It does not know the token that it was started with (TRUELIVE_WORKER_TOKEN).");
    }

    private void Control(FromWorker message, Action ready)
    {
        switch (message.Type)
        {
            case "pong":
                break;
            case "loading" when Ready is null:
                break;
            case "ready" when Ready is null && message.Ready is { } said:
                Check(said);
                Ready = said;
                Phase(null, default);
                ready();
                break;
            case "failed" when Ready is null:
                throw new WorkerException($"It failed to load: {Told(message)}");
            case "opened" or "done" or "failed" when Ready is not null:
                Stream(message.Session)?.Answer(message);
                break;
            default:
                throw new WorkerException($"It sent a control message '{LastWords.Clean(message.Type)}' that nobody waits for.");
        }
    }

    private static void Check(ReadyMessage said)
    {
        if (said.Format is not ("rgb8" or "i420"))
            throw new WorkerException("The format that it names is neither rgb8 nor i420.");
        if (said.Takes is < 1 or > Chunk.MaxFrames || said.Gives is < 1 or > Chunk.MaxFrames || said.Lag is < 0 or > Chunk.MaxFrames)
            throw new WorkerException($"It takes or gives frames beyond 1 to {Chunk.MaxFrames}, or lags by more.");
    }

    /// <summary>A failure as the worker reports it, made safe for display.</summary>
    public static string Told(FromWorker failed) =>
        LastWords.Clean(failed.Detail is { Length: > 0 } detail ? $"{failed.Reason}\n{detail}" : failed.Reason ?? "no reason was given");

    // Null if it was closed while its answer was in flight.
    private WorkerStream? Stream(uint session)
    {
        lock (_gate)
        {
            return _streams.TryGetValue(session, out var stream) ? stream
                : session - 1 < _sessions ? null : throw new WorkerException($"It answered for session {session}, which there is none of.");
        }
    }

    private void Phase(string? fault, TimeSpan limit)
    {
        lock (_gate)
            (_phase, _phaseLimit, _phaseBegan) = (fault, limit, _time.GetTimestamp());
    }

    // All time limits are enforced here, so that waiting for the worker needs no timeout.
    private void Watch()
    {
        var now = _time.GetTimestamp();
        lock (_gate)
        {
            if (_phase is { } fault && _time.GetElapsedTime(_phaseBegan, now) > _phaseLimit)
                End($"It {fault} within {_phaseLimit.TotalSeconds:0} s.");
            foreach (var stream in _streams.Values)
            {
                if (stream.Overdue(now) is { } late)
                    End(late);
            }
        }
        if (_socket is not { } socket || _inside is not { } inside)
            return;
        if (_time.GetElapsedTime(Volatile.Read(ref _heard), now) > SilenceLimit)
            End($"It gave no sign of life for {SilenceLimit.TotalSeconds:0} s.");
        socket.Ping();
        try
        {
            inside.Refresh();
            if (inside.WorkingSet64 > (long)_spec.Command.MemoryMb << 20)
                End($"It took more than the {_spec.Command.MemoryMb} MB of memory that its manifest allows (memory_mb).");
        }
        catch (InvalidOperationException)
        {
            // The process has just exited.
        }
    }

    private void Stop()
    {
        lock (_gate)
        {
            if (!_isOver)
                _stop.Cancel();
        }
    }

    private void Kill()
    {
        try
        {
            if (_process is { HasExited: false } process)
            {
                ProcessGroup.Kill(process.Id);
                process.Kill();
            }
        }
        catch (InvalidOperationException)
        {
        }
    }

    private string Bury(Task output, Task errors)
    {
        _socket?.Dispose();
        var code = 0;
        if (_process is { } process)
        {
            // A worker that closed its socket is usually about to exit, and its exit code says more.
            if (_why is null)
                process.WaitForExit(TimeSpan.FromSeconds(5));
            if (!process.HasExited)
                Interlocked.CompareExchange(ref _why, "It closed its connection.", null);
            Kill();
            process.WaitForExit();
            code = process.ExitCode;
            Stop();
            Task.WaitAll(output, errors);
            process.Dispose();
        }
        _inside?.Dispose();
        var why = _why ?? LastWords.EndOf(code);
        var words = _words.ToString();
        return words.Length == 0 ? why : $"{why} Its last words:\n{words}";
    }
}
