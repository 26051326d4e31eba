using TrueLive.Core.Frames;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.WebRtc.Rtp;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>
/// (5) (6) Encodes the session's pictures once for each codec in use and sends them to its client, its viewers and its outputs. The
/// client's link sets the bitrate; without a client the outputs do. A viewer with a slower link loses frames and resumes at a key frame,
/// which viewers together may request once a second. Nothing is queued here: a picture that no link can take is dropped before it is
/// encoded. While no new pictures come (paused, a still input, a sender that is away), a receiver that joins gets the last picture again,
/// and outputs keep getting it, marked as a repeat.
/// </summary>
internal sealed class VideoBroadcaster : IVideoSink, IDisposable
{
    private static readonly VideoCodec[] Codecs = [VideoCodec.H264, VideoCodec.Vp8];
    private static readonly TimeSpan ViewerKeyInterval = TimeSpan.FromSeconds(1);

    private const int Jump = 2 * 90_000;

    // The clock of a camera or sound card may be off by some hundred parts per million: timestamps are corrected slowly towards the
    // server's clock.
    private const int Slack = 90_000 / 10;
    private const int CorrectionPace = 1000;

    // No new picture for this long; even the slowest cameras are faster.
    private static readonly TimeSpan Still = TimeSpan.FromMilliseconds(300);

    // A client that has just connected will send pictures of its own: it gets the last one from before only if none arrive.
    private static readonly TimeSpan OwnPictures = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly int _maxBitrate;
    private readonly Lock _change = new();

    // Held while a picture is encoded and sent: pictures come from the step thread, repeats from a timer.
    private readonly Lock _coding = new();
    private readonly ITimer _repeats;
    private readonly VideoEncoder?[] _encoders = new VideoEncoder?[Codecs.Length];
    private readonly uint[] _keyStamps = new uint[Codecs.Length];
    private readonly ProvenanceJson _trace;
    private readonly SoundLine _sound;
    private readonly LeastDelay _delay = new();
    private volatile PictureReceiver[] _receivers = [];
    private MadeFrame? _last;
    private ReadOnlyMemory<byte> _told;
    private long _lastAt;
    private long _lastArrived;
    private long _captured;
    private bool _disposed;
    private object? _soundSource;
    private long _viewerKeyAt;
    private uint _lastStamp;
    private uint _lastCaptured;
    private uint _offset;
    private int _uncorrected;
    private int _pushed;
    private long _bytes;

    /// <param name="time">Clock.</param>
    /// <param name="maxBitrate">Highest bitrate, in bit/s.</param>
    public VideoBroadcaster(TimeProvider time, int maxBitrate)
    {
        (_time, _maxBitrate, _trace, _sound) = (time, maxBitrate, new ProvenanceJson(time), new SoundLine(time));
        _repeats = time.CreateTimer(_ => RepeatOrStop(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Connections that get the pictures.</summary>
    public int Count => _receivers.Length;

    /// <summary>Pictures that were encoded.</summary>
    public long Coded { get; private set; }

    /// <summary>Coded pictures that receivers took, in bytes.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    public void Add(PictureReceiver receiver)
    {
        lock (_change)
        {
            receiver.Since = _time.GetTimestamp();
            _receivers = [.. _receivers, receiver];
            _repeats.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
    }

    public void Remove(PictureReceiver receiver)
    {
        lock (_change)
        {
            _receivers = [.. _receivers.Where(r => r != receiver)];
            if (_receivers.Length == 0)
                _repeats.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>The connection whose sound passes from now on.</summary>
    public void Hear(object source) => Volatile.Write(ref _soundSource, source);

    /// <summary>
    /// Forwards sound unchanged except for its sequence numbers and times, which continue across a change of the source; sound from any
    /// connection but the current one is dropped.
    /// </summary>
    /// <param name="source">The connection that it came over.</param>
    /// <param name="packet">The packet.</param>
    /// <param name="arrived">When it arrived, by <see cref="TimeProvider.GetTimestamp"/>: its picture came then.</param>
    public void SendAudio(object source, in OpusPacket packet, long arrived)
    {
        if (Volatile.Read(ref _soundSource) != source)
            return;
        (long Sequence, uint RtpTime) place;
        lock (_sound)
            place = _sound.Next(source, packet, arrived);
        foreach (var receiver in _receivers)
            receiver.SendAudio(packet.Data, place.RtpTime, place.Sequence, arrived);
    }

    /// <inheritdoc/>
    public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel) => ValueTask.FromResult(Write(made));

    /// <summary>Encodes and sends one picture. False when nobody could take it.</summary>
    public bool Write(in MadeFrame made)
    {
        lock (_coding)
        {
            if (_disposed)
                return false;
            _last?.Frame.Dispose();
            made.Frame.Retain();
            // Sound is forwarded at once, the picture only after its step, so the sender reports that synchronise them must use the input's
            // arrival.
            var stamp = StampOf(made.Ticket.Captured);
            (_last, _lastAt, _lastArrived) = (made, _time.GetTimestamp(), SteadyArrival(made.Ticket));
            return Send(made, stamp, _lastArrived, key: false);
        }
    }

    /// <summary>Sends the trace of the last picture to a receiver whose channel opened only after that picture was sent.</summary>
    public void TellLast(PictureReceiver receiver)
    {
        lock (_coding)
        {
            if (!_disposed && !_told.IsEmpty)
                receiver.Tell(_told.Span);
        }
    }

    /// <summary>The last picture as a repeat, which the caller disposes; null before the first.</summary>
    public MadeFrame? TakeLast()
    {
        lock (_coding)
        {
            _last?.Frame.Retain();
            return _last is { } last ? AsRepeat(last) : null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _repeats.Dispose();
        lock (_coding)
        {
            _disposed = true;
            _last?.Frame.Dispose();
            _last = null;
            foreach (var encoder in _encoders)
                encoder?.Dispose();
            _trace.Dispose();
        }
    }

    // A single picture that was held up on its way must not move the sound away from all others; nor must one whose stamp had to be later
    // than its place, because a repeat lay there.
    private long SteadyArrival(in FrameTicket ticket)
    {
        if (ticket.Arrived == 0)
            return 0;
        var captured = ticket.Captured.Ticks * 9 / 1000;
        if (captured < _captured)
            _delay.Reset();
        _captured = captured;
        var arrived = LeastDelay.Ticks(ticket.Arrived, _time);
        _delay.Add(arrived, arrived - captured);
        return LeastDelay.Timestamp(captured + _delay.Value + _pushed, _time);
    }

    // An exception that left a timer callback would end the process. The session's own loop meets the same fault at its next picture.
    private void RepeatOrStop()
    {
        try
        {
            var next = Repeat();
            if (_receivers.Length > 0)
                _repeats.Change(next, Timeout.InfiniteTimeSpan);
        }
        catch (Exception)
        {
            _repeats.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    // Later pictures refer to a repeated one, so it goes to all receivers. Returns when to look again: a timer of fixed steps that was late
    // once would be early the next time, and leave out every other repeat.
    private TimeSpan Repeat()
    {
        lock (_coding)
        {
            if (_disposed || _last is not { } last)
                return Still;
            // Timers count in milliseconds.
            var due = Still - _time.GetElapsedTime(_lastAt);
            if (due > TimeSpan.Zero)
                return TimeSpan.FromMilliseconds(Math.Ceiling(due.TotalMilliseconds));
            var waits = _receivers.Any(Waits);
            if (!waits && !_receivers.Any(r => r.KeyInterval is not null))
                return Still;
            // The time that passed is added to the stamp and to the arrival alike: their distance is where receivers put the sound.
            var passed = _time.GetTimestamp() - _lastAt;
            _lastAt += passed;
            _lastStamp += ClockStamp(passed);
            if (_lastArrived != 0)
                _lastArrived += passed;
            Send(AsRepeat(last), _lastStamp, _lastArrived, key: waits);
            return Still;
        }
    }

    private static MadeFrame AsRepeat(in MadeFrame made) => made with { Ticket = made.Ticket with { Origin = FrameOrigin.Repeated } };

    private bool Waits(PictureReceiver receiver) =>
        receiver is { NeedsKeyFrame: true, Codec: not null } && (!receiver.IsClient || _time.GetElapsedTime(receiver.Since) >= OwnPictures);

    private bool Send(in MadeFrame made, uint stamp, long arrived, bool key)
    {
        var receivers = _receivers;
        var sent = false;
        for (var i = 0; i < Codecs.Length; i++)
            sent |= Send(made, stamp, arrived, receivers, i, key);
        if (sent)
        {
            // A repeat keeps the times of the original picture.
            var ticket = made.Ticket;
            _told = _trace.Write(ticket, stamp, ticket.Origin == FrameOrigin.Repeated ? ticket.Released : _time.GetTimestamp());
            foreach (var receiver in receivers)
                receiver.Tell(_told.Span);
        }
        return sent;
    }

    private bool Send(in MadeFrame made, uint stamp, long arrived, PictureReceiver[] receivers, int coding, bool key)
    {
        var (codec, client, outputs, viewers) = (Codecs[coding], 0, 0, int.MaxValue);
        foreach (var receiver in receivers)
        {
            receiver.IsReady = receiver.Codec == codec && receiver.CanTake;
            if (!receiver.IsReady)
                continue;
            key |= receiver.NeedsKeyFrame && (receiver.IsClient || receiver.KeyInterval is not null || MayViewersAskNow());
            key |= receiver.KeyInterval is { } longest && (int)(stamp - _keyStamps[coding]) >= longest.Ticks * 9 / 1000;
            if (receiver.IsClient)
                client = receiver.Bitrate;
            else if (receiver.KeyInterval is not null)
                outputs = Math.Max(outputs, receiver.Bitrate);
            else
                viewers = Math.Min(viewers, receiver.Bitrate);
        }
        // Without a client that receives pictures (OBS only sends) the outputs set the bitrate, and without those the slowest viewer.
        var bitrate = client > 0 ? client : outputs > 0 ? outputs : viewers;
        if (bitrate == int.MaxValue)
            return false;
        bitrate = Math.Min(bitrate, _maxBitrate);
        var encoder = _encoders[coding] ??= new VideoEncoder(codec, bitrate);
        // Small changes are not worth disturbing the encoder's rate control.
        if (Math.Abs(bitrate - encoder.Bitrate) > encoder.Bitrate / 20)
            encoder.SetBitrate(bitrate);
        if (!encoder.TryEncode(made.Frame, key, stamp, out var coded))
            return false;
        Coded++;
        if (coded.KeyFrame)
            _keyStamps[coding] = stamp;
        coded = coded with { Ticket = made.Ticket with { Arrived = arrived } };
        var taken = 0;
        foreach (var receiver in receivers)
            taken += receiver.Codec == codec && receiver.Send(coded) ? 1 : 0;
        Interlocked.Add(ref _bytes, (long)taken * coded.Data.Length);
        return taken > 0;
    }

    private bool MayViewersAskNow()
    {
        if (_time.GetElapsedTime(_viewerKeyAt) < ViewerKeyInterval)
            return false;
        _viewerKeyAt = _time.GetTimestamp();
        return true;
    }

    /// <summary>
    /// 90 kHz timestamp of the next picture. Timestamps follow the input's capture times, so that they are as even as its frames, and the
    /// server's clock in the long run; a new input starts at the clock's time. Each is greater than the last by at least one; they wrap.
    /// </summary>
    internal uint StampOf(TimeSpan at)
    {
        var captured = (uint)(ulong)(at.Ticks * 9 / 1000);
        var behind = (int)(ClockStamp(_time.GetTimestamp()) - (captured + _offset));
        var step = (int)(captured - _lastCaptured);
        // An input's time never goes back, so a step back means another input.
        if (step < 0 || behind is > Jump or < -Jump)
            _offset += (uint)behind;
        else if (Math.Abs(behind) > Slack)
            Correct(Math.Sign(behind), step);
        _lastCaptured = captured;
        var stamp = captured + _offset;
        // Timestamps wrap, so half of them count as earlier: only one that is slightly behind must be avoided.
        _pushed = _lastStamp - stamp < Jump ? (int)(_lastStamp + 1 - stamp) : 0;
        return _lastStamp = stamp + (uint)_pushed;
    }

    private void Correct(int sign, int step)
    {
        _uncorrected += Math.Min(step, Jump);
        _offset += (uint)(sign * (_uncorrected / CorrectionPace));
        _uncorrected %= CorrectionPace;
    }

    private uint ClockStamp(long now) => (uint)(ulong)((Int128)now * 90_000 / _time.TimestampFrequency);
}
