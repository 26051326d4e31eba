using System.Buffers.Binary;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Puts H.264 payloads of one access unit together as Annex B (RFC 6184 sections 5.6 to 5.8: single NAL unit, STAP-A, FU-A).
/// Remembers parameter sets, and puts them before an IDR picture that comes without.
/// </summary>
internal sealed class H264Depacketizer(ReadOnlyMemory<byte> parameterSets)
{
    private const int MaxParameterSet = 1024;
    private byte[] _sps = [];
    private byte[] _pps = [];
    private bool _sawSps;
    private bool _sawIdr;
    private bool _inFragment;

    /// <summary>The frame holds an IDR picture.</summary>
    public bool KeyFrame => _sawIdr;

    /// <summary>Parameter sets come in the session description only, so a bare IDR begins a key frame.</summary>
    public bool ParameterSetsAside => _sps.Length == 0 && !parameterSets.IsEmpty;

    public void Begin()
    {
        _sawSps = _sawIdr = _inFragment = false;
    }

    /// <summary>Adds one payload; false when it is malformed or of a kind that packetization-mode 1 does not have.</summary>
    public bool Append(ReadOnlySpan<byte> payload, FrameBuffer frame)
    {
        if (payload.IsEmpty)
        {
            return false;
        }

        switch (payload[0] & 0x1F)
        {
            case >= 1 and <= 23:
                return AppendUnit(payload, frame);
            case 24:
                for (var rest = payload[1..]; !rest.IsEmpty;)
                {
                    int length = rest.Length < 2 ? 0 : BinaryPrimitives.ReadUInt16BigEndian(rest);
                    if (length == 0 || rest.Length < 2 + length || !AppendUnit(rest.Slice(2, length), frame))
                    {
                        return false;
                    }

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
        {
            return false;
        }

        if (!_sawIdr || _sawSps)
        {
            return true;
        }

        return _sps.Length > 0
            ? frame.Prepend(_pps) && frame.Prepend([0, 0, 0, 1]) && frame.Prepend(_sps) && frame.Prepend([0, 0, 0, 1])
            : frame.Prepend(parameterSets.Span);
    }

    /// <summary>The payload is the first one of a picture that can be decoded alone.</summary>
    public bool BeginsKeyFrame(ReadOnlySpan<byte> payload)
    {
        if (payload.Length < 3)
        {
            return false;
        }

        var type = payload[0] & 0x1F;
        return type switch
        {
            7 => true,
            24 => HoldsSps(payload[1..]),
            // A slice whose first_mb_in_slice is 0 has its first bit set (ue(v) of 0).
            5 => ParameterSetsAside && (payload[1] & 0x80) != 0,
            28 => ParameterSetsAside && (payload[1] & 0x9F) == 0x85 && (payload[2] & 0x80) != 0,
            _ => false,
        };
    }

    private static bool HoldsSps(ReadOnlySpan<byte> units)
    {
        while (units.Length > 2)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(units);
            if ((units[2] & 0x1F) == 7)
            {
                return true;
            }

            if (units.Length < 2 + length)
            {
                break;
            }

            units = units[(2 + length)..];
        }

        return false;
    }

    private bool AppendUnit(ReadOnlySpan<byte> unit, FrameBuffer frame)
    {
        if (_inFragment)
        {
            return false;
        }

        switch (unit[0] & 0x1F)
        {
            case 5:
                _sawIdr = true;
                break;
            case 7:
                _sawSps = true;
                Remember(ref _sps, unit);
                break;
            case 8:
                Remember(ref _pps, unit);
                break;
        }

        return frame.Append([0, 0, 0, 1]) && frame.Append(unit);
    }

    private bool AppendFragment(ReadOnlySpan<byte> payload, FrameBuffer frame)
    {
        var start = (payload[1] & 0x80) != 0;
        if (start == _inFragment)
        {
            return false;
        }

        if (start)
        {
            _sawIdr |= (payload[1] & 0x1F) == 5;
            if (!frame.Append([0, 0, 0, 1]) || !frame.Append([(byte)((payload[0] & 0xE0) | (payload[1] & 0x1F))]))
            {
                return false;
            }
        }

        _inFragment = (payload[1] & 0x40) == 0;
        return frame.Append(payload[2..]);
    }

    private static void Remember(ref byte[] set, ReadOnlySpan<byte> unit)
    {
        if (unit.Length <= MaxParameterSet && !unit.SequenceEqual(set))
        {
            set = unit.ToArray();
        }
    }
}
