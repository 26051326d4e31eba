using System.Buffers.Binary;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// The far side's video: follows its stream, unwraps retransmissions (RFC 4588), decides what to ask for again, when to wait, and
/// when to give up and ask for a key frame.
/// </summary>
internal sealed class VideoReceiveStream(VideoPlan plan, MediaEvents events) : IDisposable
{
    private const long SourceSilence = 500_000;
    private const long KeyFrameRetry = 200_000;
    private const long KeyFrameTransfer = 600_000;
    // Unanswered requests become rarer: the sender ignores them, or makes key frames on its own schedule.
    private const int KeyFrameTries = 4;
    private const long KeyFramePatience = 4_000_000;
    private const long MinWait = 100_000;
    private const long MaxWait = 650_000;
    // Allows for the wait until the next tick here, and for the pacer of the far side.
    private const long NackSlack = 50_000;

    private FrameAssembler? _assembler;
    private readonly VideoFormat[] _formats = [.. plan.Formats];
    private readonly Dictionary<byte, H264ParameterSets> _sets = [];
    private VideoFormat? _format;
    private NackTracker _nacks = new();
    private Unwrapper _sequences = new(16);
    private Instant _lastPacket;
    private uint _formerSsrc;
    private Instant _ssrcSince = Instant.LongAgo;
    private Instant _keyFrameAsked = Instant.LongAgo;
    private int _keyFrameUnanswered;
    private bool _keyFrameWanted;
    private long _droppedBefore;

    /// <summary>The far side's stream; 0 before its first packet.</summary>
    public uint Ssrc { get; private set; }

    public ReceiveStatistics Statistics { get; private set; } = new(90_000);

    public long Frames { get; private set; }

    public long Bytes { get; private set; }

    public long Repaired { get; private set; }

    public long NacksSent { get; private set; }

    public long KeyFrameRequests { get; private set; }

    /// <summary>Several requests brought no key frame: senders are about that take one kind of request and not the other.</summary>
    public bool AsksInVain => _keyFrameUnanswered > KeyFrameTries;

    public long FramesDropped => _droppedBefore + (_assembler?.FramesDropped ?? 0);

    /// <summary>Round trip from NACK to repair in microseconds; 0 when not known.</summary>
    public long RepairRoundTrip => _nacks.RoundTrip;

    /// <summary>Whether the stream goes on under a plan: its section and its payload types are the same.</summary>
    public bool Follows(VideoPlan? next) => next is not null && next.Mid == plan.Mid && next.Extensions == plan.Extensions
        && Types(next).SequenceEqual(Types(plan));

    private static IEnumerable<(byte, byte?)> Types(VideoPlan plan) => plan.Formats.Select(f => (f.PayloadType, f.RtxPayloadType));

    /// <summary>The packet is of this stream or of its retransmissions.</summary>
    public bool Accepts(in RtpPacket packet)
    {
        foreach (var format in _formats)
        {
            if (format.PayloadType == packet.PayloadType || format.RtxPayloadType == packet.PayloadType)
                return true;
        }

        return packet.Ssrc == Ssrc && Ssrc != 0;
    }

    /// <summary>
    /// Takes one packet. <paramref name="arrived"/> is the timestamp that the frame will carry.
    /// </summary>
    public void Receive(in RtpPacket packet, Instant now, long arrived)
    {
        foreach (var format in _formats)
        {
            if (format.PayloadType == packet.PayloadType)
            {
                ReceiveMedia(packet, format, now, arrived);
                return;
            }

            if (format.RtxPayloadType == packet.PayloadType && format == _format)
            {
                // Shorter packets are padding that probes the bandwidth.
                if (packet.Payload.Length > 2)
                    Take(packet, BinaryPrimitives.ReadUInt16BigEndian(packet.Payload), packet.Payload[2..], repaired: true, now, arrived);

                return;
            }
        }

        // Redundancy that was never agreed on (RED, ULPFEC) takes numbers of the stream: without it each would look like a loss.
        if (packet.Ssrc == Ssrc && Ssrc != 0)
            TakeFirstSending(packet, [], now, arrived);
    }

    /// <summary>Asks for a key frame when <see cref="KeyFrameDue"/> next allows it.</summary>
    public void WantKeyFrame() => _keyFrameWanted = true;

    /// <summary>Gives up on holes that were not repaired in time; called every few milliseconds.</summary>
    public void Tick(long roundTrip, Instant now)
    {
        _nacks.Relax(now);
        if (_assembler is not { } assembler)
            return;

        _nacks.ForgetBefore(assembler.FirstNeeded);
        if (now - _nacks.OldestSince <= Math.Clamp(4 * roundTrip + NackSlack, MinWait, MaxWait))
            return;

        if (assembler.WaitingForKeyFrame)
        {
            assembler.TakeBareKeyFrame();
        }
        else
        {
            assembler.LoseSynchronisation();
            _nacks.ForgetBefore(assembler.FirstNeeded == 0 ? long.MaxValue : assembler.FirstNeeded);
        }

        Deliver();
    }

    /// <summary>Fills in the packets to ask for now (NACK).</summary>
    public int NacksDue(Span<ushort> sequences, long roundTrip, Instant now)
    {
        if (!plan.Feedback.Nack)
            return 0;

        // While waiting for a key frame, a gap is requested once: it may hold the key frame's first packet.
        var tries = _assembler is { WaitingForKeyFrame: true, KeyFrameBegun: false } ? 1 : NackTracker.MaxTries;
        var count = _nacks.Due(sequences, tries, roundTrip, now);
        NacksSent += count;
        return count;
    }

    /// <summary>
    /// True when a key frame must be asked for now; at most once per round trip and 200 ms, and less often while none comes.
    /// </summary>
    public bool KeyFrameDue(long roundTrip, Instant now)
    {
        // No packets arrive, so a request would reach nobody.
        var wanted = _keyFrameWanted || (_assembler is { WaitingForKeyFrame: true } && now - _lastPacket < SourceSilence);
        // Another request while the key frame is arriving would only delay it.
        var patience = _assembler is { KeyFrameBegun: true } ? KeyFrameTransfer : KeyFrameRetry;
        patience = Math.Min(patience << Math.Clamp(_keyFrameUnanswered - KeyFrameTries, 0, 8), KeyFramePatience);
        if (!wanted || Ssrc == 0 || now - _keyFrameAsked < Math.Max(patience, roundTrip + 50_000))
            return false;

        _keyFrameAsked = now;
        _keyFrameUnanswered++;
        _keyFrameWanted = false;
        KeyFrameRequests++;
        return true;
    }

    public void Dispose() => _assembler?.Dispose();

    private void ReceiveMedia(in RtpPacket packet, VideoFormat format, Instant now, long arrived)
    {
        if (packet.Ssrc != Ssrc)
        {
            // A sender that restarts takes a new SSRC; afterwards only reordered packets of the old one arrive.
            if (Ssrc != 0 && now - _lastPacket < SourceSilence && (packet.Ssrc == _formerSsrc || now - _ssrcSince < SourceSilence))
                return;

            (_formerSsrc, Ssrc, _ssrcSince, _keyFrameUnanswered) = (Ssrc, packet.Ssrc, now, 0);
            Statistics = new ReceiveStatistics(90_000);
            _sequences = new Unwrapper(16);
            _nacks = new NackTracker();
            // A stream normally begins with a key frame: give its first packet a moment to show.
            _keyFrameAsked = now - KeyFrameRetry + 30_000;
            Follow(null);
        }

        if (format != _format)
            Follow(format);

        TakeFirstSending(packet, packet.Payload, now, arrived);
    }

    private void TakeFirstSending(in RtpPacket packet, ReadOnlySpan<byte> payload, Instant now, long arrived)
    {
        _lastPacket = now;
        Statistics.Add(_sequences.Peek(packet.SequenceNumber), packet.Timestamp, now);
        Take(packet, packet.SequenceNumber, payload, repaired: false, now, arrived);
    }

    private void Follow(VideoFormat? format)
    {
        _droppedBefore = FramesDropped;
        _assembler?.Dispose();
        _format = format;
        _assembler = format is null ? null : new FrameAssembler(format, SetsOf(format));
    }

    // Parameter sets outlive their stream: a sender that restarts with the same encoder may not repeat them.
    private H264ParameterSets SetsOf(VideoFormat format)
    {
        if (!_sets.TryGetValue(format.PayloadType, out var sets))
            _sets[format.PayloadType] = sets = new H264ParameterSets(format.ParameterSets.Span);

        return sets;
    }

    private void Take(in RtpPacket packet, ushort sequence, ReadOnlySpan<byte> payload, bool repaired, Instant now, long arrived)
    {
        if (_assembler is null)
            return;

        var extended = repaired ? _sequences.Peek(sequence) : _sequences.Unwrap(sequence);
        Repaired += repaired && _nacks.IsMissing(extended) ? 1 : 0;
        Bytes += payload.Length;
        _nacks.RepairsInStream = _format?.RtxPayloadType is null;
        if (!_nacks.Arrived(extended, repaired, now))
            _assembler.Reset();

        var colour = ColourSpaceExtension.Read(packet.Extension(plan.Extensions.ColourSpace));
        _assembler.Insert(extended, packet, payload, colour, arrived);
        Deliver();
    }

    private void Deliver()
    {
        while (_assembler!.TryTake(out var frame))
        {
            Frames++;
            _keyFrameUnanswered = frame.KeyFrame ? 0 : _keyFrameUnanswered;
            // A frame that nobody took breaks the chain: those that refer to it are of no use.
            _keyFrameWanted |= !events.Add(MediaEvent.Of(frame, _assembler.Detach()));
        }
    }
}
