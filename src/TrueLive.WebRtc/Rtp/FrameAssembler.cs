using System.Runtime.CompilerServices;
using TrueLive.Core.Frames;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Orders the packets of one video stream and hands out each frame at the moment its last packet is there. Frames leave in order
/// and without holes: after an unrepaired loss, only a key frame resumes the stream. A complete key frame overtakes older damage at once.
/// The packets of a frame share their RTP time and the last one bears the marker (RFC 3550 section 5.1, RFC 6184 section 5.1, RFC 7741
/// section 4.1); order is by sequence number, as RFC 6184 section 7.1 has it without interleaving.
/// </summary>
internal sealed partial class FrameAssembler : IDisposable
{
    private const int MaxPayload = 1500;
    private const int InitialSlots = 256;
    // 4096 packets of 1200 bytes hold a frame of 4.9 MB; a larger jump is another stream, not a gap.
    private const int MaxSlots = 4096;

    private readonly VideoFormat _format;
    private readonly H264ParameterSets _sets;
    private readonly H264Depacketizer _h264;
    private readonly PacketRing<Received> _ring = new(MaxPayload, InitialSlots, MaxSlots);
    private readonly FrameBuffer _frame = new();
    private Cursor _current;
    private Cursor _key;
    private long _taken;
    private uint _takenStamp;
    private bool _takenPicture;
    private bool _endsByStamp;
    private long _lowest;
    private ColourSpace? _colour;

    /// <summary>An assembler of one stream; <paramref name="sets"/> are the parameter sets that are known of it already.</summary>
    public FrameAssembler(VideoFormat format, H264ParameterSets? sets = null)
    {
        _format = format;
        _sets = sets ?? new H264ParameterSets(format.ParameterSets.Span);
        _h264 = new H264Depacketizer(_sets);
    }

    private struct Received
    {
        public uint Timestamp;
        public bool Marker;
        public ColourSpace? Colour;
        public long Arrived;
    }

    /// <summary>An incomplete frame: all packets from Start up to Scan have arrived.</summary>
    private struct Cursor
    {
        public long Start;
        public long Scan;
        public uint Timestamp;
    }

    /// <summary>True until a key frame has been completed, and again after an unrepaired loss.</summary>
    public bool WaitingForKeyFrame => _current.Start == 0;

    /// <summary>A key frame is arriving: its first packet is here.</summary>
    public bool KeyFrameBegun => _key.Start != 0 || _bare.Start != 0;

    /// <summary>First packet that is still of use; older ones need no repair. 0 while that is unknown.</summary>
    public long FirstNeeded => _current.Start != 0 ? _current.Start : _key.Start != 0 ? _key.Start : Math.Max(0, _bare.Start - MaxAhead);

    /// <summary>Frames that were given up because of loss or because they could not be read.</summary>
    public long FramesDropped { get; private set; }

    /// <summary>Takes one packet in. False when the stream jumped further than can be repaired: synchronisation is lost.</summary>
    public bool Insert(long sequence, in RtpPacket packet, ReadOnlySpan<byte> payload, ColourSpace? colour, long arrived)
    {
        if (payload.Length > MaxPayload || (_current.Start != 0 && sequence < _current.Start) || _ring.Contains(sequence))
            return true;

        // Before any key frame only the latest packets are kept, in case its first packet arrives late.
        _lowest = _lowest == 0 || sequence < _lowest ? sequence : Math.Max(_lowest, sequence - InitialSlots + 1);
        var first = FirstNeeded != 0 ? FirstNeeded : _lowest;

        if (Math.Abs(sequence - first) >= MaxSlots)
        {
            Reset();
            _lowest = sequence;
            Store(sequence, packet, payload, colour, arrived);
            return false;
        }

        _ring.EnsureCapacity(Math.Abs(sequence - first) + 1);
        Store(sequence, packet, payload, colour, arrived);
        return true;
    }

    /// <summary>Hands out the next complete frame, if there is one. The frame is borrowed until the next call on this object.</summary>
    public bool TryTake(out EncodedFrame frame)
    {
        while (true)
        {
            if (_current.Start != 0 && Complete(ref _current, out var end))
            {
                if (Build(_current.Start, end, gap: false, out frame))
                    return true;
            }
            else if (_key.Start > _current.Start && Complete(ref _key, out end) && (_current.Start == 0 || StandsAlone(_key.Start, end)))
            {
                if (_current.Start != 0)
                    FramesDropped++;

                Forget(_current.Start, _key.Start - 1);
                if (Build(_key.Start, end, gap: true, out frame))
                    return true;
            }
            else
            {
                frame = default;
                return false;
            }
        }
    }

    /// <summary>
    /// Gives away the bytes of the frame that was handed out last, which stay valid: they go back to the shared pool from there.
    /// </summary>
    public byte[] Detach() => _frame.Detach();

    /// <summary>Abandons the frame that waits for packets; only a key frame resumes the stream.</summary>
    public void LoseSynchronisation()
    {
        FramesDropped++;
        _current = default;
        if (!KeyFrameBegun)
        {
            _ring.Clear();
            _lowest = 0;
        }
    }

    /// <summary>Forgets everything: the stream continues at another place.</summary>
    public void Reset()
    {
        _key = _bare = default;
        _taken = 0;
        LoseSynchronisation();
    }

    public void Dispose()
    {
        _ring.Dispose();
        _frame.Dispose();
    }

    private void Store(long sequence, in RtpPacket packet, ReadOnlySpan<byte> payload, ColourSpace? colour, long arrived)
    {
        ref var slot = ref _ring.Claim(sequence);
        payload.CopyTo(_ring.Bytes(ref slot));
        slot.Length = payload.Length;
        slot.Item = new Received { Timestamp = packet.Timestamp, Marker = packet.Marker, Colour = colour, Arrived = arrived };
        NoteStart(sequence, packet.Timestamp, payload);
    }

    private bool Complete(ref Cursor cursor, out long end)
    {
        for (; ; cursor.Scan++)
        {
            ref var slot = ref _ring.Find(cursor.Scan);
            if (Unsafe.IsNullRef(ref slot))
            {
                end = 0;
                return false;
            }

            if (cursor.Scan == cursor.Start)
            {
                if (slot.Length == 0)
                {
                    // Padding between frames.
                    _ring.Remove(cursor.Start++);
                    continue;
                }

                cursor.Timestamp = slot.Item.Timestamp;
            }

            if (slot.Item.Timestamp != cursor.Timestamp && slot.Length > 0)
            {
                end = cursor.Scan - 1;
                return true;
            }

            if (slot.Item.Marker && slot.Length > 0 && !_endsByStamp)
            {
                end = cursor.Scan;
                return true;
            }
        }
    }

    private bool Build(long start, long end, bool gap, out EncodedFrame frame)
    {
        _frame.Clear();
        _h264.Begin();
        var h264 = _format.Codec == VideoCodec.H264;
        bool sound = true, key = false;
        uint timestamp = 0;
        long arrived = 0;
        for (var sequence = start; sequence <= end; sequence++)
        {
            ref var slot = ref _ring.Find(sequence);
            ReadOnlySpan<byte> payload = PacketRing<Received>.Used(ref slot);
            if (payload.Length > 0)
            {
                timestamp = slot.Item.Timestamp;
                _colour = slot.Item.Colour ?? _colour;
                arrived = Math.Max(arrived, slot.Item.Arrived);
                if (h264)
                {
                    sound &= _h264.Append(payload, _frame);
                }
                else
                {
                    sound &= Vp8Depacketizer.TryParse(payload, out var data, out var begins) && begins == (_frame.Length == 0)
                        && _frame.Append(data);
                }
            }

            _ring.Remove(sequence);
        }

        // Some senders set the marker on every unit. Where the picture continues after it, the next timestamp marks the end, one frame
        // later.
        var goesOn = h264 && start == _taken + 1 && timestamp == _takenStamp && _takenPicture;
        _endsByStamp |= goesOn;
        sound &= !goesOn;
        (_taken, _takenStamp, _takenPicture) = (end, timestamp, !h264 || _h264.Picture);
        var wasWaiting = _current.Start == 0;
        if (_key.Start <= end)
            _key = default;

        if (_bare.Start <= end)
            _bare = default;

        frame = default;
        if (sound && !_takenPicture)
        {
            // Parameter sets or SEI messages with a marker: the picture follows.
            var next = new Cursor { Start = end + 1, Scan = end + 1, Timestamp = timestamp };
            _current = wasWaiting ? default : next;
            _key = wasWaiting && _key.Start == 0 ? next : _key;
            _lowest = end + 1;
            return false;
        }

        sound = sound && _frame.Length > 0 && (!h264 || _h264.End(_frame));
        if (sound)
            key = h264 ? _h264.KeyFrame : (_frame.Span[0] & 1) == 0;

        if (!sound || (wasWaiting && !key))
        {
            // The pictures that follow refer to this one.
            FramesDropped++;
            _current = default;
            _lowest = end + 1;
            return false;
        }

        _current = new Cursor { Start = end + 1, Scan = end + 1 };
        frame = new EncodedFrame
        {
            Codec = _format.Codec,
            Data = _frame.Span,
            RtpTime = timestamp,
            KeyFrame = key,
            AfterGap = gap,
            Colour = _colour,
            Ticket = new FrameTicket(0, TimeSpan.Zero, arrived, timestamp),
        };
        return true;
    }

    private void Forget(long first, long last)
    {
        for (var sequence = Math.Max(first, last - MaxSlots); first != 0 && sequence <= last; sequence++)
            _ring.Remove(sequence);
    }
}
