using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Puts H.264 payloads of one access unit together as Annex B (RFC 6184 sections 5.6 to 5.8: single NAL unit, STAP-A, FU-A).
/// Remembers parameter sets, and inserts them before a picture at which decoding can start and that has none of its own.
/// </summary>
internal sealed class H264Depacketizer(H264ParameterSets sets)
{
    private bool _sawSps;
    private bool _sawRecoveryPoint;
    private bool _inFragment;

    /// <summary>The frame holds an IDR picture.</summary>
    public bool Idr { get; private set; }

    /// <summary>Decoding can begin with the frame.</summary>
    public bool KeyFrame => Idr || _sawRecoveryPoint;

    /// <summary>The frame holds at least a part of a picture, not only parameter sets or delimiters.</summary>
    public bool Picture { get; private set; }

    public void Begin() => _sawSps = _sawRecoveryPoint = _inFragment = Idr = Picture = false;

    /// <summary>Adds one payload; false when it is malformed or of a kind that packetization-mode 1 does not have.</summary>
    public bool Append(ReadOnlySpan<byte> payload, FrameBuffer frame)
    {
        if (payload.IsEmpty)
            return false;

        switch (payload[0] & 0x1F)
        {
            case >= 1 and <= 23:
                return AppendUnit(payload, frame);
            case 24:
                for (var rest = payload[1..]; !rest.IsEmpty;)
                {
                    int length = rest.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(rest);
                    if (length == 0 || rest.Length < 2 + length || !AppendUnit(rest.Slice(2, length), frame))
                        return false;

                    rest = rest[(2 + length)..];
                }

                return true;
            case 28 when payload.Length > 2:
                return AppendFragment(payload, frame);
            default:
                return false;
        }
    }

    /// <summary>Completes the frame; false when a fragment lacks its end or parameter sets are unknown.</summary>
    public bool End(FrameBuffer frame)
    {
        if (_inFragment)
            return false;

        if (Idr)
            sets.BareKeyFrames = !_sawSps;

        return !KeyFrame || _sawSps || sets.PutBefore(frame);
    }

    private bool AppendUnit(ReadOnlySpan<byte> unit, FrameBuffer frame)
    {
        if (_inFragment)
            return false;

        var kind = unit[0] & 0x1F;
        Note(kind);
        _sawRecoveryPoint |= kind == 6 && H264Payload.IsRecoveryPoint(unit);
        if (kind is 7 or 8)
            sets.Remember(unit);

        return frame.Append([0, 0, 0, 1]) && frame.Append(unit);
    }

    private bool AppendFragment(ReadOnlySpan<byte> payload, FrameBuffer frame)
    {
        var start = (payload[1] & 0x80) != 0;
        if (start == _inFragment)
            return false;

        if (start)
        {
            Note(payload[1] & 0x1F);
            if (!frame.Append([0, 0, 0, 1]) || !frame.Append([(byte)((payload[0] & 0xE0) | (payload[1] & 0x1F))]))
                return false;
        }

        _inFragment = (payload[1] & 0x40) == 0;
        return frame.Append(payload[2..]);
    }

    private void Note(int kind)
    {
        Idr |= kind == 5;
        Picture |= kind is >= 1 and <= 5;
        _sawSps |= kind == 7;
    }
}
