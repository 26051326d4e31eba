using System.Collections.Immutable;
using System.Diagnostics;
using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Server.Journals;

namespace TrueLive.Server.Live.Sessions;

/// <summary>
/// Sees the pictures that pass through a session: keeps those of the last seconds for an interactive clip, and passes them to a journal
/// while one is recorded. It copies nothing and never blocks.
/// </summary>
internal sealed class SessionObserver(TimeSpan replay) : IAsyncDisposable
{
    // Uncompressed pictures are large: about 6 s of 720p at 30 frames a second.
    private const long MaxReplayBytes = 256L << 20;

    private readonly Lock _gate = new();
    private readonly Queue<VideoFrame> _last = new();
    private long _bytes;
    private JournalRecorder? _recorder;
    private bool _ended;
    private Activity? _awaited;

    /// <summary>The current or last journal; null when there was none.</summary>
    public JournalRecorder? Recorder => Volatile.Read(ref _recorder);

    /// <summary>Whether the last seconds are kept.</summary>
    public bool Keeps => replay > TimeSpan.Zero;

    /// <summary>Begins a journal. False while another is recorded.</summary>
    public bool Record(Func<JournalRecorder> begin)
    {
        lock (_gate)
        {
            if (_ended || _recorder?.View.Recording == true)
                return false;
            var recorder = begin();
            recorder.Connected();
            Volatile.Write(ref _recorder, recorder);
            return true;
        }
    }

    /// <summary>The pictures of the last seconds, each of which the caller disposes.</summary>
    public ImmutableArray<VideoFrame> Last()
    {
        lock (_gate)
            return [.. _last.Select(f => f.Retain())];
    }

    /// <summary>Ends a span with the next picture that goes out; one that still waits for it ends as failed.</summary>
    public void Await(Activity? picture)
    {
        var before = Interlocked.Exchange(ref _awaited, picture);
        before.Fail("No picture came of it.");
        before?.Dispose();
    }

    /// <summary>Another connection begins.</summary>
    public void Connected()
    {
        Recorder?.Connected();
        Forget();
    }

    /// <summary>A picture came in.</summary>
    public void Received(VideoFrame frame)
    {
        Recorder?.Received(frame);
        if (Keeps)
            Keep(frame);
    }

    /// <summary>Wraps a connection's sink, to see the frames that go out.</summary>
    public IVideoSink On(IVideoSink sink) => new Sink(this, sink);

    public async ValueTask DisposeAsync()
    {
        lock (_gate)
            _ended = true;
        Forget();
        if (Recorder is { } recorder)
            await recorder.DisposeAsync().ConfigureAwait(false);
    }

    private void Forget()
    {
        lock (_gate)
        {
            while (_last.TryDequeue(out var frame))
                frame.Dispose();
            _bytes = 0;
        }
    }

    private void Keep(VideoFrame frame)
    {
        lock (_gate)
        {
            if (_ended)
                return;
            _last.Enqueue(frame.Retain());
            _bytes += Size(frame);
            while (_bytes > MaxReplayBytes || frame.Ticket.Captured - _last.Peek().Ticket.Captured > replay)
            {
                using var old = _last.Dequeue();
                _bytes -= Size(old);
            }
        }
    }

    private static long Size(VideoFrame frame) => (long)frame.StrideY * frame.Height + 2L * frame.StrideC * frame.ChromaHeight;

    private sealed class Sink(SessionObserver observer, IVideoSink sink) : IVideoSink
    {
        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            // A picture that the sink drops went through the model all the same, so its prompt is recorded.
            observer.Recorder?.Sent(made.Ticket);
            if (observer._awaited is not null)
                Interlocked.Exchange(ref observer._awaited, null)?.Dispose();
            return sink.WriteAsync(made, cancel);
        }
    }
}
