using System.Buffers;
using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Server.Live.Broadcast;

namespace TrueLive.Server.Streams;

/// <summary>A coded picture or a packet of sound that waits for an output; whoever takes it gives its bytes back.</summary>
internal readonly record struct CodedPacket(byte[] Buffer, int Length, bool IsSound, bool Key, uint RtpTime, long Arrived, long Coded)
    : IDisposable
{
    /// <summary>A model made the picture.</summary>
    public bool Made { get; init; }

    public ReadOnlyMemory<byte> Data => Buffer.AsMemory(0, Length);

    public void Dispose() => ArrayPool<byte>.Shared.Return(Buffer);
}

/// <summary>
/// Stands between a session's encoder and one output, so that an output that stalls slows nothing: pictures wait for <see cref="MaxWait"/>
/// at most, then all of them are let go, counted, and it goes on at the next key frame, which it asks for. Sound waits among them and
/// shares their lot.
/// </summary>
internal sealed class OutputQueue(int bitrate, TimeSpan keyInterval, TimeProvider time) : PictureReceiver
{
    // Two seconds of pictures and sound are some 220 packets; a sender of sound may send any number.
    private const int MostWaiting = 1000;

    /// <summary>Longest time that a coded picture waits.</summary>
    public static readonly TimeSpan MaxWait = TimeSpan.FromSeconds(2);

    private readonly Channel<CodedPacket> _waiting = Channel.CreateUnbounded<CodedPacket>();
    private volatile bool _open;
    private volatile bool _needsKey = true;
    private volatile bool _late;
    private long _dropped;

    /// <summary>Pictures that were let go because the output took them too slowly.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>For how long the oldest picture has waited.</summary>
    public TimeSpan Waiting => _waiting.Reader.TryPeek(out var oldest) ? time.GetElapsedTime(oldest.Coded) : TimeSpan.Zero;

    /// <inheritdoc/>
    public override VideoCodec? Codec => VideoCodec.H264;

    /// <inheritdoc/>
    public override bool CanTake => _open;

    /// <inheritdoc/>
    public override int Bitrate => bitrate;

    /// <inheritdoc/>
    public override TimeSpan? KeyInterval => keyInterval;

    /// <summary>Takes pictures from now on, beginning at a key frame.</summary>
    public void Open()
    {
        AskForKeyFrame();
        (_needsKey, _late) = (true, false);
        _open = true;
    }

    /// <summary>Takes none until it is opened again; what waits is let go.</summary>
    public void Close()
    {
        _open = false;
        while (_waiting.Reader.TryRead(out var left))
            left.Dispose();
    }

    /// <summary>The next picture or packet of sound.</summary>
    public ValueTask<CodedPacket> NextAsync(CancellationToken cancel) => _waiting.Reader.ReadAsync(cancel);

    /// <inheritdoc/>
    public override void SendAudio(ReadOnlySpan<byte> opus, uint rtpTime, long sequence, long arrived)
    {
        var now = time.GetTimestamp();
        if (!_open || _needsKey || _waiting.Reader.Count >= MostWaiting || IsLate(now))
            return;
        var buffer = ArrayPool<byte>.Shared.Rent(opus.Length);
        opus.CopyTo(buffer);
        _waiting.Writer.TryWrite(new CodedPacket(buffer, opus.Length, IsSound: true, Key: false, rtpTime, arrived, now));
    }

    /// <inheritdoc/>
    public override void Tell(ReadOnlySpan<byte> trace)
    {
        // No container on the way out has a place for it.
    }

    /// <inheritdoc/>
    protected override bool Take(in EncodedFrame frame)
    {
        var now = time.GetTimestamp();
        if (IsLate(now))
        {
            _needsKey = _late = true;
            while (_waiting.Reader.TryRead(out var late))
            {
                late.Dispose();
                if (!late.IsSound)
                    Interlocked.Increment(ref _dropped);
            }
        }
        if (_needsKey && !frame.KeyFrame)
        {
            AskForKeyFrame();
            // Those before the first key frame are nobody's loss.
            if (_late)
                Interlocked.Increment(ref _dropped);
            return false;
        }
        _needsKey = false;
        var buffer = ArrayPool<byte>.Shared.Rent(frame.Data.Length);
        frame.Data.CopyTo(buffer);
        return _waiting.Writer.TryWrite(
            new CodedPacket(buffer, frame.Data.Length, IsSound: false, frame.KeyFrame, frame.RtpTime, frame.Ticket.Arrived, now)
            { Made = frame.Ticket.Origin != FrameOrigin.PassedThrough });
    }

    private bool IsLate(long now) => _waiting.Reader.TryPeek(out var oldest) && time.GetElapsedTime(oldest.Coded, now) > MaxWait;
}
