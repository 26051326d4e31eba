using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Our video: cuts frames into packets, keeps them for retransmission (RFC 4588), and writes the next packet when asked to.
/// The packets not sent yet are the pacer's queue; the owner bounds it in time.
/// </summary>
internal sealed class VideoSendStream : IDisposable
{
    /// <summary>Largest RTP packet, before SRTP; fits in IPv6 minimum MTU with SRTP and TURN around it.</summary>
    internal const int MaxPacket = 1200;
    private const int InitialSlots = 512;
    private const int MaxSlots = 4096;
    private const int MaxResends = 1024;
    private const long StaleQueue = 50_000;

    private readonly VideoPlan _plan;
    private readonly VideoFormat _format;
    private readonly bool _lowDelay;
    private readonly RtpHeader _header;
    private readonly int _maxPayload;
    private readonly PacketRing<Outgoing> _ring;
    private readonly Queue<long> _resends = new(64);
    private Unwrapper _sequences = new(16);
    private long _next;
    private long _unsent;
    private long _keyFrameStart;
    private long _keyFrameEnd;
    private double _resendBudget = 20_000;
    private ushort _rtxSequence = (ushort)Random.Shared.Next(0x8000);
    private int _pictureId = Random.Shared.Next(0x8000);

    private struct Outgoing
    {
        public uint Timestamp;
        public bool Marker;
        public ColourSpace? Colour;
        public Instant Queued;
        public FrameTicket Ticket;
        public Instant Resent;
    }

    public VideoSendStream(VideoPlan plan, bool lowDelay)
    {
        _plan = plan;
        _format = plan.Formats[0];
        _lowDelay = lowDelay;
        _header = new RtpHeader(plan.Extensions, Encoding.UTF8.GetBytes(plan.Mid));
        _maxPayload = MaxPacket - _header.MaxLength - 2;
        _ring = new PacketRing<Outgoing>(_maxPayload, InitialSlots, MaxSlots);
        _next = _unsent = _sequences.Unwrap((uint)Random.Shared.Next(0x8000));
    }

    public VideoFormat Format => _format;

    public uint Ssrc => _plan.LocalSsrc;

    /// <summary>A part of a key frame has not been sent yet.</summary>
    public bool KeyFrameQueued => _unsent < _keyFrameEnd;

    public bool HasQueued => (_resends.Count > 0 && _resendBudget > 0) || _unsent < _next;

    public long PacketsSent { get; private set; }

    public long PayloadBytesSent { get; private set; }

    public long Retransmitted { get; private set; }

    public long FramesQueued { get; private set; }

    /// <summary>Queued frames that a key frame made needless before they were sent.</summary>
    public long FramesDropped { get; private set; }

    public uint LastTimestamp { get; private set; }

    /// <summary>Ticket of the frame whose last packet was written just now; null when the packet was none.</summary>
    public FrameTicket? Completed { get; private set; }

    /// <summary>
    /// When the packet at the head of the queue was put there; <paramref name="now"/> for an empty queue.
    /// </summary>
    public Instant OldestQueued(Instant now)
    {
        ref var slot = ref _ring.Find(_unsent);
        return _unsent >= _next || Unsafe.IsNullRef(ref slot) ? now : slot.Item.Queued;
    }

    /// <summary>Queues a frame; false when it is empty, or too large to be kept whole.</summary>
    public bool Enqueue(in EncodedFrame frame, Instant now)
    {
        if (frame.Codec != _format.Codec || frame.Data.Length > FrameBuffer.Limit)
            return false;

        if (frame.KeyFrame && now - OldestQueued(now) > StaleQueue)
            DropUnsentFrames();

        var first = _next;
        if (_format.Codec == VideoCodec.H264)
        {
            var packetizer = new H264Packetizer(frame.Data);
            while (!packetizer.AtEnd)
            {
                if (!_ring.EnsureCapacity(_next - _unsent + 1))
                    return Abandon(first);

                ref var slot = ref Claim(frame, now);
                slot.Length = packetizer.Next(_ring.Bytes(ref slot)[.._maxPayload]);
            }
        }
        else
        {
            _pictureId = (_pictureId + 1) & 0x7FFF;
            var packetizer = new Vp8Packetizer(frame.Data, _pictureId);
            while (!packetizer.AtEnd)
            {
                if (!_ring.EnsureCapacity(_next - _unsent + 1))
                    return Abandon(first);

                ref var slot = ref Claim(frame, now);
                slot.Length = packetizer.Next(_ring.Bytes(ref slot)[.._maxPayload]);
            }
        }

        ref var last = ref _ring.Find(_next - 1);
        if (_next == first)
            return false;

        last.Item.Marker = true;
        last.Item.Ticket = frame.Ticket;
        last.Item.Colour = frame.Colour;
        if (frame.KeyFrame)
        {
            // Earlier packets are no longer useful: after an outage, repairing them would crowd out video for seconds.
            (_keyFrameStart, _keyFrameEnd) = (first, _next);
            _resends.Clear();
        }

        LastTimestamp = frame.RtpTime;
        FramesQueued++;
        return true;
    }

    /// <summary>
    /// Asks for a retransmission (NACK). Ignored when the packet is no longer kept, was not sent yet, was resent less than a round
    /// trip ago, or is older than the newest key frame.
    /// </summary>
    public void Resend(ushort sequence, long roundTrip, Instant now)
    {
        var extended = _sequences.Peek(sequence);
        ref var slot = ref _ring.Find(extended);
        if (extended >= _unsent || extended < _keyFrameStart || Unsafe.IsNullRef(ref slot) || _resends.Count >= MaxResends
            || now - slot.Item.Resent < (roundTrip == 0 ? 50_000 : Math.Max(roundTrip / 2, 5_000)))
            return;

        slot.Item.Resent = now;
        _resends.Enqueue(extended);
    }

    /// <summary>
    /// Lets retransmissions have up to half of the bitrate: beyond that they would crowd out the video they are to repair, and a
    /// choked path would be kept choked. Call with the time since the last call.
    /// </summary>
    public void AllowResends(int bitrate, long elapsed) =>
        _resendBudget = Math.Min(_resendBudget + bitrate * 0.5 / 8 * elapsed / 1e6, Math.Max(bitrate * 0.25 / 8, 6000));

    /// <summary>
    /// The next packet that must go out again as it was, since no retransmission stream was agreed on, and about its length; false without
    /// one.
    /// </summary>
    public bool TryTakeRepeat(out ushort sequence, out int length)
    {
        (sequence, length) = (0, 0);
        while (_format.RtxPayloadType is null && _resendBudget > 0 && _resends.TryDequeue(out var resend))
        {
            ref var slot = ref _ring.Find(resend);
            if (!Unsafe.IsNullRef(ref slot))
            {
                Retransmitted++;
                _resendBudget -= slot.Length;
                (sequence, length) = ((ushort)resend, slot.Length + _header.MaxLength);
                return true;
            }
        }

        return false;
    }

    /// <summary>Writes the next packet, retransmissions (RFC 4588) first, and returns its length; 0 when nothing is queued.</summary>
    public int WriteNext(Span<byte> packet, ushort transportSequence)
    {
        Completed = null;
        while (_format.RtxPayloadType is not null && _resendBudget > 0 && _resends.TryDequeue(out var resend))
        {
            ref var slot = ref _ring.Find(resend);
            if (!Unsafe.IsNullRef(ref slot))
            {
                Retransmitted++;
                _resendBudget -= slot.Length;
                return Write(packet, ref slot, retransmission: true, transportSequence);
            }
        }

        if (_unsent >= _next)
            return 0;

        ref var next = ref _ring.Find(_unsent++);
        PacketsSent++;
        PayloadBytesSent += next.Length;
        Completed = next.Item.Marker ? next.Item.Ticket : null;
        return Write(packet, ref next, retransmission: false, transportSequence);
    }

    /// <summary>
    /// Writes a probe packet on the retransmission stream: the newest packet sent, again. 0 without RTX.
    /// </summary>
    public int WriteProbe(Span<byte> packet, ushort transportSequence)
    {
        ref var slot = ref _ring.Find(_unsent - 1);
        return _format.RtxPayloadType is null || Unsafe.IsNullRef(ref slot)
            ? 0
            : Write(packet, ref slot, retransmission: true, transportSequence);
    }

    public void Dispose() => _ring.Dispose();

    private ref PacketRing<Outgoing>.Slot Claim(in EncodedFrame frame, Instant now)
    {
        _sequences.Unwrap((ushort)_next);
        ref var slot = ref _ring.Claim(_next++);
        slot.Item = new Outgoing { Timestamp = frame.RtpTime, Queued = now };
        return ref slot;
    }

    /// <summary>
    /// Takes whole frames that nobody has seen a packet of out of the queue. Their sequence numbers are used again, so the far side
    /// sees no hole.
    /// </summary>
    private void DropUnsentFrames()
    {
        var keep = _unsent;
        ref var sent = ref _ring.Find(_unsent - 1);
        if (!Unsafe.IsNullRef(ref sent) && !sent.Item.Marker)
        {
            while (keep < _next && !_ring.Find(keep++).Item.Marker)
            {
            }
        }

        for (var i = keep; i < _next; i++)
            FramesDropped += _ring.Find(i).Item.Marker ? 1 : 0;

        Abandon(keep);
    }

    private bool Abandon(long first)
    {
        while (_next > first)
        {
            ref var slot = ref _ring.Find(--_next);
            _ring.Remove(_next);
        }

        return false;
    }

    private int Write(Span<byte> packet, ref PacketRing<Outgoing>.Slot slot, bool retransmission, ushort transportSequence)
    {
        var payload = PacketRing<Outgoing>.Used(ref slot);
        if (retransmission)
        {
            var header = _header.Write(packet, new(_format.RtxPayloadType!.Value, slot.Item.Marker, _rtxSequence++, slot.Item.Timestamp,
                _plan.LocalRtxSsrc, transportSequence, _lowDelay, slot.Item.Colour));
            BinaryPrimitives.WriteUInt16BigEndian(packet[header..], (ushort)slot.Sequence);
            payload.CopyTo(packet[(header + 2)..]);
            return header + 2 + payload.Length;
        }

        var length = _header.Write(packet, new(_format.PayloadType, slot.Item.Marker, (ushort)slot.Sequence, slot.Item.Timestamp,
            _plan.LocalSsrc, transportSequence, _lowDelay, slot.Item.Colour));
        payload.CopyTo(packet[length..]);
        return length + payload.Length;
    }
}
