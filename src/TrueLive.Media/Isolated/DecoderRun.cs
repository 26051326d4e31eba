using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks.Sources;
using TrueLive.Core.Frames;
using TrueLive.Core.Processes;
using TrueLive.Media.Native;

namespace TrueLive.Media.Isolated;

/// <summary>
/// The lifetime of one decode process. <see cref="Run"/> occupies its thread all the time: the kernel kills the process when the thread
/// that started it ends, so that none outlives a server that was killed.
/// </summary>
internal sealed class DecoderRun : IValueTaskSource<VideoFrame?>, IDisposable
{
    /// <summary>Longest time for the first picture, the start included.</summary>
    public static readonly TimeSpan StartLimit = TimeSpan.FromSeconds(60);

    /// <summary>Longest time for any other picture but JPEG, of which large ones wait for a processor that nobody else wants.</summary>
    public static readonly TimeSpan PictureLimit = TimeSpan.FromSeconds(10);

    /// <summary>Most threads of the process and the sandbox around it; it has about fifteen.</summary>
    public const int MaxThreads = 64;

    /// <summary>Most memory that it shares, beside that of the pictures, which no limit of the kernel counts.</summary>
    public const long MaxShared = 64L << 20;

    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly SharedFrames _memory = new(DecoderMemory.SlotBytes, DecoderMemory.Slots);
    private readonly byte[] _request = new byte[DecodeRequest.Size];
    private readonly CancellationTokenSource _stop = new();
    private readonly LastWords _words;
    private readonly TimeProvider _time;
    private readonly Func<string, ProcessStartInfo> _start;
    private ManualResetValueTaskSourceCore<VideoFrame?> _result = new() { RunContinuationsAsynchronously = true };
    private Process? _process;
    private Stream? _requests;
    private FramePool? _pool;
    private IReadOnlyList<int> _members = [];
    private bool _complete;
    private string? _why;
    private byte[] _said = [];
    private string? _trouble;
    private bool _isJpeg;
    private long _asked;
    private bool _started;
    private bool _pending;
    private bool _answered;

    /// <param name="time">Clock.</param>
    /// <param name="start">How the process is started with the path of the memory; a decode process where it is null.</param>
    public DecoderRun(TimeProvider time, Func<string, ProcessStartInfo>? start = null)
    {
        (_time, _start) = (time, start ?? DecoderJail.Around);
        _words = new LastWords(time, _stop.Token);
    }

    /// <summary>What the last answer said of the stream, and how many frames it dropped; read it only between two requests.</summary>
    public (bool NeedsKeyFrame, bool Hopeless, string? Trouble, int Dropped) State { get; private set; } = (true, false, null, 0);

    /// <summary>Id of the process that leads the group of the decode process; null before its start.</summary>
    public int? ProcessId { get; private set; }

    /// <summary>Processor time that the process has used so far, the sandbox around it included.</summary>
    public TimeSpan ProcessorTime
    {
        get
        {
            lock (_gate)
                return ProcessGroup.Usage(Members()).ProcessorTime;
        }
    }

    /// <summary>Hands coded bytes over; only when the last result has been taken.</summary>
    public ValueTask<VideoFrame?> Decode(in EncodedFrame encoded, FramePool pool)
    {
        encoded.Data.CopyTo(_memory[DecoderMemory.Coded]);
        _result.Reset();
        lock (_gate)
        {
            new DecodeRequest(encoded.Codec, encoded.KeyFrame, encoded.AfterGap, encoded.Colour, encoded.RtpTime, encoded.Data.Length)
                .Write(_request);
            (_pool, _isJpeg, _asked, _pending) = (pool, encoded.Codec == VideoCodec.Jpeg, _time.GetTimestamp(), true);
            if (_started)
                Send();
        }
        return new ValueTask<VideoFrame?>(this, _result.Version);
    }

    /// <summary>Runs the process until it ends; gives the reason for users, and what it said last.</summary>
    public (string Why, string Words) Run()
    {
        var errors = Task.CompletedTask;
        using var watch = _time.CreateTimer(_ => Watch(), null, WatchInterval, WatchInterval);
        try
        {
            var process = Process.Start(_start(_memory.Path))!;
            errors = _words.ReadAsync(process.StandardError.BaseStream);
            // One that has been taken over may fill its own input; we hold locks while we write there.
            Pipe.NeverWait(process.StandardInput.BaseStream);
            lock (_gate)
            {
                (_process, _requests, _started, ProcessId) = (process, process.StandardInput.BaseStream, true, process.Id);
                if (_why is not null)
                    Kill();
                else if (_pending)
                    Send();
            }
            Listen(process.StandardOutput.BaseStream);
        }
        catch (Win32Exception e)
        {
            End($"The decode process could not be started: {e.Message}. setpriv and prlimit are needed (apt-get install util-linux).");
        }
        catch (IOException e)
        {
            End($"The decode process could not be started: {e.Message}");
        }
        return (Bury(errors), _words.ToString());
    }

    /// <summary>Ends the process; only the first reason is kept. Any thread.</summary>
    public void End(string why)
    {
        lock (_gate)
        {
            _why ??= why;
            Kill();
        }
    }

    /// <summary>After <see cref="Run"/>: whoever waits for a picture gets none.</summary>
    public void Abandon()
    {
        lock (_gate)
        {
            if (!_pending)
                return;
            _pending = false;
        }
        _result.SetResult(null);
    }

    /// <summary>Only after <see cref="Run"/> has returned.</summary>
    public void Dispose()
    {
        _memory.Dispose();
        _stop.Dispose();
    }

    VideoFrame? IValueTaskSource<VideoFrame?>.GetResult(short token) => _result.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<VideoFrame?>.GetStatus(short token) => _result.GetStatus(token);

    void IValueTaskSource<VideoFrame?>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags);

    private void Send()
    {
        // Where it is gone, the thread that listens notices and says why.
        if (!Pipe.Offer(_requests!, _request))
            End("The decode process takes no requests.");
    }

    private void Listen(Stream answers)
    {
        Span<byte> head = stackalloc byte[DecodeAnswer.Size];
        Span<byte> text = stackalloc byte[DecodeAnswer.MaxTrouble];
        while (answers.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length)
        {
            if (!DecodeAnswer.TryRead(head, out var answer))
            {
                End("The decode process sent an answer that is none.");
                return;
            }
            var trouble = text[..answer.TroubleLength];
            if (answers.ReadAtLeast(trouble, trouble.Length, throwOnEndOfStream: false) < trouble.Length)
                return;
            FramePool pool;
            lock (_gate)
            {
                if (!_pending)
                {
                    End("The decode process answered what nobody asked.");
                    return;
                }
                (_pending, _answered, pool) = (false, true, _pool!);
            }
            // While a stream is in trouble each answer brings the same words.
            if (!trouble.SequenceEqual(_said))
                (_said, _trouble) = (trouble.ToArray(), trouble.IsEmpty ? null : LastWords.Clean(Encoding.UTF8.GetString(trouble)));
            State = (answer.NeedsKeyFrame, answer.Hopeless, _trouble, answer.Dropped);
            Hand(answer, pool);
        }
    }

    private void Hand(in DecodeAnswer answer, FramePool pool)
    {
        VideoFrame? picture = null;
        try
        {
            if (answer.HasPicture)
            {
                picture = pool.Rent(answer.Width, answer.Height);
                DecodedPlanes.Read(_memory[DecoderMemory.Picture], picture);
                picture.Colour = answer.Colour;
                picture.Ticket = new FrameTicket(0, TimeSpan.Zero, 0, answer.Stamp);
            }
        }
        catch (OutOfMemoryException lacking)
        {
            _result.SetException(lacking);
            return;
        }
        _result.SetResult(picture);
    }

    private void Watch()
    {
        // Late calls must not wait for each other.
        if (!_gate.TryEnter())
            return;
        try
        {
            var limit = _answered && !_isJpeg ? PictureLimit : StartLimit;
            Limit();
            if (_pending && _time.GetElapsedTime(_asked) > limit)
                End($"The decode process took more than {limit.TotalSeconds:0} s for a picture.");
        }
        finally
        {
            _gate.Exit();
        }
    }

    // What the kernel counts for none of its limits.
    private void Limit()
    {
        var usage = ProcessGroup.Usage(Members());
        if (usage.Threads > MaxThreads)
            End($"The decode process has {usage.Threads} threads; at most {MaxThreads} are taken.");
        var most = MaxShared + (long)DecoderMemory.SlotBytes * DecoderMemory.Slots;
        if (usage.SharedBytes > most)
            End($"The decode process shares {usage.SharedBytes >> 20} MB of memory; at most {most >> 20} are taken.");
    }

    // Once it has answered, it is shut in and can start no others.
    private IReadOnlyList<int> Members()
    {
        if (!_complete && _started)
            (_members, _complete) = (ProcessGroup.Members(_process!.Id), _answered);
        return _members;
    }

    private void Kill()
    {
        try
        {
            if (_process is { HasExited: false } process && ProcessGroup.Kill(process.Id) != 0)
                process.Kill();
        }
        catch (InvalidOperationException)
        {
        }
    }

    private string Bury(Task errors)
    {
        if (_process is not { } process)
            return _why!;
        // One that closed its output is usually about to exit, and its exit code says more.
        if (_why is null)
            process.WaitForExit(TimeSpan.FromSeconds(5));
        if (!process.HasExited)
            End("The decode process closed its output.");
        process.WaitForExit();
        _stop.Cancel();
        errors.Wait();
        lock (_gate)
        {
            _why ??= $"The decode process ended. {LastWords.EndOf(process.ExitCode)}";
            // From here on a request is only noted, for Abandon to answer.
            _started = false;
            _requests!.Dispose();
            process.StandardOutput.Dispose();
            process.StandardError.Dispose();
            process.Dispose();
            return _why;
        }
    }
}
