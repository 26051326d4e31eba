using System.Buffers.Binary;
using System.Text;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>
/// Writes what a publisher sends as FLV for a child: H.264, and sound in AAC or MP3. Other sound is left out. Times begin at 0 and go on
/// where the publisher's clock jumps, wraps or begins anew. Not thread-safe.
/// </summary>
internal sealed class FlvWriter
{
    private const int H264 = 7;
    private const int Aac = 10;
    private const int CommandFrame = 5;
    private const int TagHead = 11;

    // Sound and picture are not sent in the exact order of their times. A clock that goes further back began anew.
    private const int MostBack = 2_000;
    private const int MostAhead = 10_000;

    private byte[] _pictureHead = [];
    private byte[] _soundHead = [];
    private byte[] _tag = new byte[64 << 10];
    private long _newest;
    private (long Picture, long Sound) _last;
    private uint _base;
    private bool _begun;

    /// <summary>How often the publisher's clock jumped.</summary>
    public long Jumps { get; private set; }

    /// <summary>The head of a file, with the decoders' parameters that came before.</summary>
    public byte[] Begin() =>
    [
        .. "FLV"u8, 1, 5, 0, 0, 0, 9, 0, 0, 0, 0,
        .. _soundHead.Length > 0 ? Tag(RtmpType.Audio, _newest, _soundHead).ToArray() : [],
        .. _pictureHead.Length > 0 ? Tag(RtmpType.Video, _newest, _pictureHead).ToArray() : [],
    ];

    /// <summary>A message as a tag, valid until the next call; empty for what is left out.</summary>
    /// <exception cref="RtmpException">Its pictures are not H.264.</exception>
    public ReadOnlyMemory<byte> Take(RtmpType type, uint time, ReadOnlySpan<byte> body)
    {
        if (body.Length < 2 || !(type == RtmpType.Video ? TakesPicture(body) : TakesSound(body)))
            return default;
        var at = Place(time);
        if (type == RtmpType.Video)
            at = _last.Picture = Math.Max(at, _last.Picture);
        else
            at = _last.Sound = Math.Max(at, _last.Sound);
        return Tag(type, at, body);
    }

    private bool TakesPicture(ReadOnlySpan<byte> body)
    {
        // Enhanced RTMP has four letters in place of a number.
        var isEnhanced = (body[0] & 0x80) != 0;
        if (isEnhanced || (body[0] & 15) != H264)
        {
            var codec = isEnhanced && body.Length >= 5 ? Encoding.ASCII.GetString(body[1..5]) : "";
            throw new RtmpException((codec switch { "hvc1" => "HEVC", "av01" => "AV1", "vp09" => "VP9", _ => "Another codec than H.264" })
                + " is not taken over RTMP: set the encoder to H.264.");
        }
        if (body[0] >> 4 == CommandFrame)
            return false;
        if (body[1] == 0)
            _pictureHead = body.ToArray();
        return _pictureHead.Length > 0;
    }

    private bool TakesSound(ReadOnlySpan<byte> body)
    {
        const int Mp3 = 2;
        const int SlowMp3 = 14;
        var codec = body[0] >> 4;
        if (codec != Aac)
            return codec is Mp3 or SlowMp3;
        if (body[1] == 0)
            _soundHead = body.ToArray();
        return _soundHead.Length > 0;
    }

    private long Place(uint time)
    {
        if (!_begun)
            (_begun, _base) = (true, time);
        // Counted from the newest, so that a clock that wraps after 49 days only goes on.
        var at = _newest + (int)(time - _base - (uint)_newest);
        if (at < _newest - MostBack || at > _newest + MostAhead)
        {
            Jumps++;
            (_base, at) = (time - (uint)_newest, _newest);
        }
        _newest = Math.Max(_newest, at);
        return Math.Max(at, 0);
    }

    private ReadOnlyMemory<byte> Tag(RtmpType type, long time, ReadOnlySpan<byte> body)
    {
        var whole = TagHead + body.Length + 4;
        if (_tag.Length < whole)
            _tag = new byte[Math.Max(whole, 2 * _tag.Length)];
        var tag = _tag.AsSpan(0, whole);
        BinaryPrimitives.WriteInt32BigEndian(tag, ((byte)type << 24) | body.Length);
        BinaryPrimitives.WriteUInt32BigEndian(tag[4..], ((uint)time << 8) | (byte)(time >> 24));
        tag[8..TagHead].Clear();
        body.CopyTo(tag[TagHead..]);
        BinaryPrimitives.WriteInt32BigEndian(tag[^4..], TagHead + body.Length);
        return _tag.AsMemory(0, whole);
    }
}
