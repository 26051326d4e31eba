using System.Runtime.CompilerServices;
using TrueLive.Core.Frames;

namespace TrueLive.WebRtc.Rtp;

/// <content>Where decoding can start or restart.</content>
internal sealed partial class FrameAssembler
{
    // Units that may precede the first slice of a picture, each in a packet of its own: delimiter, parameter sets, SEI messages.
    private const int MaxAhead = 16;

    // A possible start of a key frame without parameter sets, until it is certain that none were lost before it.
    private Cursor _bare;

    /// <summary>Packets lost before a key frame will not be repaired any more: it is decoded with the parameter sets known.</summary>
    public void TakeBareKeyFrame()
    {
        if (_bare.Start > _key.Start)
            _key = _bare;

        _bare = default;
    }

    private void NoteStart(long sequence, uint timestamp, ReadOnlySpan<byte> payload)
    {
        var start = _format.Codec == VideoCodec.H264 ? H264Payload.Start(payload) : Vp8Depacketizer.BeginsKeyFrame(payload)
            ? H264Start.WithSets
            : H264Start.None;
        if (start == H264Start.WithSets)
        {
            Begin(ref _key, sequence, timestamp);
        }
        else if (start == H264Start.Bare && _sets.Known)
        {
            Begin(ref _bare, sequence, timestamp);
        }

        if (_bare.Start != 0)
            SettleBareKeyFrame();
    }

    // Several packets of a key frame may look like its first one; the lowest number is the first.
    private static void Begin(ref Cursor key, long sequence, uint timestamp)
    {
        if (key.Start == 0 || (timestamp == key.Timestamp ? sequence < key.Start : sequence > key.Start))
            key = new Cursor { Start = sequence, Scan = sequence, Timestamp = timestamp };
    }

    /// <summary>
    /// A key frame without parameter sets is whole when the picture before it is seen to end, or when the stream is known to send none.
    /// Otherwise they may be in a packet that was lost or is late, and the picture would be decoded by the wrong ones.
    /// </summary>
    private void SettleBareKeyFrame()
    {
        if (_key.Start != 0 && (_key.Timestamp == _bare.Timestamp || _key.Start > _bare.Start))
        {
            _bare = default;
            return;
        }

        var before = _bare.Start - 1;
        for (; before > _bare.Start - MaxAhead; before--)
        {
            ref var slot = ref _ring.Find(before);
            if (Unsafe.IsNullRef(ref slot) || slot.Length == 0 || slot.Item.Marker || slot.Item.Timestamp != _bare.Timestamp)
                break;
        }

        if (_sets.BareKeyFrames || before <= _taken || _ring.Contains(before))
            TakeBareKeyFrame();
    }

    /// <summary>
    /// A damaged frame may be skipped for an IDR frame, but not for a recovery point, which takes seconds.
    /// </summary>
    private bool StandsAlone(long start, long end)
    {
        if (_format.Codec != VideoCodec.H264)
            return true;

        for (var sequence = start; sequence <= end; sequence++)
        {
            if (H264Payload.HoldsIdr(PacketRing<Received>.Used(ref _ring.Find(sequence))))
                return true;
        }

        return false;
    }
}
