using System.Runtime.CompilerServices;
using TrueLive.Core.Frames;
using TrueLive.Core.Processes;
using TrueLive.Media.Codecs;

namespace TrueLive.Media.Isolated;

/// <summary>A decode process ended by itself, or was ended for what it did.</summary>
/// <param name="Why">Why, as a sentence.</param>
/// <param name="Words">The last lines that it wrote; may be empty.</param>
/// <param name="Pause">After which it is started anew; 0 where the stream was over by then, and it is not.</param>
public sealed record DecoderEnd(string Why, string Words, TimeSpan Pause);

/// <summary>
/// Decodes one stream of H.264, VP8 or JPEG in a process of its own, shut in by bubblewrap or else by Landlock: it sees neither files nor
/// network, and a crash, or a picture without end, costs this stream its pictures up to the next key frame. The process is started anew
/// after a pause, which doubles as long as it keeps ending.
/// </summary>
public sealed class IsolatedDecoder : ILiveDecoder
{
    private const string Away =
        "The process that decodes this video ended, and is started anew. Pictures go on with the next key frame.";

    private const string Over = "Its stream is over.";

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LastPause = TimeSpan.FromSeconds(16);

    // One that has run for so long is not taken for one that keeps ending.
    private static readonly TimeSpan Worked = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly TimeProvider _time;
    private readonly Action<DecoderEnd>? _ended;
    private readonly ManualResetEventSlim _wake = new();
    private DecoderRun? _run;
    private DecoderRun? _asked;
    private long _dropped;
    private bool _over;

    /// <summary>Starts the process beside the caller.</summary>
    /// <param name="time">Clock.</param>
    /// <param name="ended">Called on a thread of its own each time the process ended before its stream did.</param>
    /// <exception cref="OutOfMemoryException">The system has no thread for it.</exception>
    public IsolatedDecoder(TimeProvider time, Action<DecoderEnd>? ended = null)
    {
        (_time, _ended) = (time, ended);
        try
        {
            _run = new DecoderRun(time);
        }
        catch (IOException)
        {
            // The thread tries again, and says why where it does not succeed either.
        }
        try
        {
            new Thread(Supervise, 256 * 1024) { IsBackground = true, Name = "isolated decoder" }.Start();
        }
        catch (OutOfMemoryException)
        {
            _run?.Dispose();
            throw;
        }
    }

    /// <summary>Whether decode processes are shut in, by bubblewrap or by Landlock, beside the limits that hold anyway.</summary>
    public static bool IsSandboxed => Bubblewrap.HasProc || Landlock.Version > 0;

    /// <inheritdoc/>
    public bool NeedsKeyFrame { get; private set; } = true;

    /// <inheritdoc/>
    public string? Trouble { get; private set; }

    /// <inheritdoc/>
    public bool Hopeless { get; private set; }

    /// <inheritdoc/>
    public long Dropped => _dropped;

    /// <summary>Processor time that the process has used so far; that of one that ended is forgotten.</summary>
    internal TimeSpan ProcessorTime
    {
        get
        {
            lock (_gate)
                return _run?.ProcessorTime ?? TimeSpan.Zero;
        }
    }

    /// <summary>Id of the process that leads the group of the decode process; null while there is none.</summary>
    internal int? ProcessId
    {
        get
        {
            lock (_gate)
                return _run?.ProcessId;
        }
    }

    /// <summary>Why no decode process can be started on this machine, with what to do about it; null when it can.</summary>
    public static string? WhyNot() => DecoderJail.WhyNot();

    /// <inheritdoc/>
    public ValueTask<VideoFrame?> DecodeAsync(in EncodedFrame encoded, FramePool pool, CancellationToken cancel)
    {
        DecoderRun run;
        ValueTask<VideoFrame?> decoding;
        lock (_gate)
        {
            if (_over)
                return default;
            if (_run is null)
            {
                (NeedsKeyFrame, Hopeless, Trouble) = (true, true, Away);
                return Drop();
            }
            run = _run;
            if (run != _asked)
            {
                // Said even where no frame came while there was no process.
                if (_asked is not null)
                    Trouble = Away;
                (_asked, NeedsKeyFrame, Hopeless) = (run, true, false);
            }
            if (encoded.Data.Length is 0 or > DecoderMemory.MaxCoded || (NeedsKeyFrame && !encoded.KeyFrame))
                return Drop();
            decoding = run.Decode(encoded, pool);
        }
        return FinishAsync(run, decoding, cancel);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            _over = true;
            _run?.End(Over);
        }
        _wake.Set();
    }

    private ValueTask<VideoFrame?> Drop()
    {
        _dropped++;
        return default;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<VideoFrame?> FinishAsync(DecoderRun run, ValueTask<VideoFrame?> decoding, CancellationToken cancel)
    {
        VideoFrame? picture;
        var registration = cancel.UnsafeRegister(static decoder => ((IsolatedDecoder)decoder!).Dispose(), this);
        try
        {
            picture = await decoding.ConfigureAwait(false);
        }
        finally
        {
            // Does not wait for a call that has begun.
            registration.Unregister();
        }
        lock (_gate)
        {
            if (_over)
                return picture;
            if (_run == run)
            {
                (NeedsKeyFrame, Hopeless, Trouble, var dropped) = run.State;
                _dropped += dropped;
            }
            else
            {
                (NeedsKeyFrame, Hopeless, Trouble) = (true, true, Away);
                _dropped += picture is null ? 1 : 0;
            }
        }
        return picture;
    }

    private void Supervise()
    {
        for (var pause = FirstPause; ; pause = pause < LastPause ? 2 * pause : LastPause)
        {
            var began = _time.GetTimestamp();
            var (why, words) = RunOne();
            _wake.Reset();
            bool over;
            lock (_gate)
                over = _over;
            if (over)
            {
                if (why is not (null or Over))
                    Tell(new DecoderEnd(why, words, TimeSpan.Zero));
                return;
            }
            if (_time.GetElapsedTime(began) > Worked)
                pause = FirstPause;
            Tell(new DecoderEnd(why!, words, pause));
            using (_time.CreateTimer(_ => _wake.Set(), null, pause, Timeout.InfiniteTimeSpan))
                _wake.Wait();
        }
    }

    private void Tell(DecoderEnd end)
    {
        try
        {
            _ended?.Invoke(end);
        }
        catch (ObjectDisposedException)
        {
            // The server is ending, and whoever would be told is gone.
        }
    }

    // Whatever goes wrong with one process is no reason to try no other, and must not end this one.
    private (string? Why, string Words) RunOne()
    {
        DecoderRun? run = null;
        try
        {
            lock (_gate)
            {
                if (_over)
                    return (null, "");
                run = _run ??= new DecoderRun(_time);
            }
            return run.Run();
        }
        catch (Exception fault)
        {
            return ($"The decode process could not be run: {fault.Message}", "");
        }
        finally
        {
            lock (_gate)
                _run = null;
            run?.End("It is over.");
            run?.Abandon();
            run?.Dispose();
        }
    }
}
