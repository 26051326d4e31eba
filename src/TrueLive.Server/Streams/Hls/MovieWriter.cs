using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using TrueLive.Media.Codecs;

namespace TrueLive.Server.Streams.Hls;

/// <summary>
/// Writes pictures and sound as fragmented MP4 (ISO/IEC 14496-12, with 14496-14 and -15): a head, then fragments of as many of them as
/// somebody wants. Not thread-safe.
/// </summary>
internal sealed class MovieWriter
{
    private const uint PictureTrack = 1;
    private const uint SoundTrack = 2;
    private const uint PictureScale = 1000;
    private const uint SoundScale = 48_000;
    private const uint SoundLength = 1024;

    // Sound goes on by its samples; its times, in milliseconds, count where some are missing.
    private const long Tolerance = SoundScale / 50;
    private const uint Others = 0x01010000;
    private const uint StandsAlone = 0x02000000;

    private readonly List<uint> _pictures = [];
    private readonly List<uint> _sounds = [];
    private readonly ArrayBufferWriter<byte> _pictureData = new(1 << 16);
    private readonly ArrayBufferWriter<byte> _soundData = new(1 << 13);
    private readonly ArrayBufferWriter<byte> _fragment = new(1 << 16);
    private uint _number;
    private long _pictureAt;
    private long _soundAt;

    /// <summary>How long the pictures that wait for the next fragment last, in milliseconds.</summary>
    public long Duration { get; private set; }

    /// <summary>Whether pictures wait for the next fragment.</summary>
    public bool HasPictures => _pictures.Count > 0;

    /// <summary>Bytes that wait for the next fragment.</summary>
    public int Length => _pictureData.WrittenCount + _soundData.WrittenCount;

    /// <summary>What comes before all fragments.</summary>
    /// <param name="pictures">Parameters of the pictures.</param>
    /// <param name="sound">Parameters of the sound.</param>
    /// <exception cref="Media.Files.MediaFileException">The parameters cannot be read.</exception>
    public static byte[] Head(ReadOnlySpan<byte> pictures, ReadOnlySpan<byte> sound)
    {
        if (pictures.Length < 8 || sound.Length is < 2 or > 64)
            throw FlvReader.Broken();
        var set = pictures.Slice(8, Math.Min(BinaryPrimitives.ReadUInt16BigEndian(pictures[6..]), pictures.Length - 8));
        if (H264Head.Read([0, 0, 1, .. set], null).Sequence is not { Width: <= ushort.MaxValue, Height: <= ushort.MaxValue } size)
            throw FlvReader.Broken();
        var (width, height) = ((uint)size.Width, (uint)size.Height);
        byte[] picture =
        [
            .. Words(0, 1), .. new byte[16], .. Words(width << 16 | height, 0x480000, 0x480000, 0), 0, 1, .. new byte[32], 0, 0x18, 0xFF,
            0xFF, .. Box("avcC", pictures),
        ];
        // A descriptor of a stream with one of its decoder in it (ISO/IEC 14496-1, section 7.2.6).
        byte[] decoder = [0x40, 0x15, .. new byte[11], 5, (byte)sound.Length, .. sound];
        byte[] stream = [0, (byte)SoundTrack, 0, 4, (byte)decoder.Length, .. decoder, 6, 1, 2];
        byte[] sounds =
        [
            .. Words(0, 1, 0, 0, 2 << 16 | 16, 0, SoundScale << 16), .. Box("esds", [.. Words(0), 3, (byte)stream.Length, .. stream]),
        ];
        return
        [
            .. Box("ftyp", [.. "iso5"u8, .. Words(512), .. "iso5iso6mp41"u8]),
            .. Box("moov",
            [
                .. Box("mvhd", [.. Words(0, 0, 0, PictureScale, 0, 0x10000, 0x1000000, 0, 0), .. Unturned, .. new byte[24], .. Words(3)]),
                .. Track(PictureTrack, PictureScale, "vide"u8, Box("vmhd", Words(1, 0, 0)), Box("avc1", picture), width, height),
                .. Track(SoundTrack, SoundScale, "soun"u8, Box("smhd", Words(0, 0)), Box("mp4a", sounds), 0, 0),
                .. Box("mvex",
                [
                    .. Box("trex", Words(0, PictureTrack, 1, 0, 0, 0)), .. Box("trex", Words(0, SoundTrack, 1, SoundLength, 0, 0)),
                ]),
            ]),
        ];
    }

    /// <summary>Adds a picture to the next fragment.</summary>
    /// <param name="data">Its units.</param>
    /// <param name="at">Its time in milliseconds.</param>
    /// <param name="length">How long it stays, in milliseconds.</param>
    /// <param name="key">It stands alone.</param>
    public void Picture(ReadOnlySpan<byte> data, long at, long length, bool key)
    {
        if (_pictures.Count == 0)
            _pictureAt = at;
        _pictures.AddRange([(uint)length, (uint)data.Length, key ? StandsAlone : Others]);
        _pictureData.Write(data);
        Duration += length;
    }

    /// <summary>The last picture stays for longer, in milliseconds.</summary>
    public void Stretch(long by)
    {
        _pictures[^3] += (uint)by;
        Duration += by;
    }

    /// <summary>Adds sound to the next fragment.</summary>
    /// <param name="data">A packet.</param>
    /// <param name="at">Its time in milliseconds.</param>
    public void Sound(ReadOnlySpan<byte> data, long at)
    {
        var place = at * SoundScale / 1000;
        if (_sounds.Count == 0 && Math.Abs(place - _soundAt) > Tolerance)
            _soundAt = place;
        _sounds.Add((uint)data.Length);
        _soundData.Write(data);
    }

    /// <summary>A fragment of all that waits; valid until the next call.</summary>
    public ReadOnlySpan<byte> Fragment()
    {
        var data = (uint)Length;
        // Sizes do not depend on where the data lies, which the second time says.
        var start = (uint)Boxes(0).Length + 8;
        _fragment.ResetWrittenCount();
        _fragment.Write(Boxes(start));
        _fragment.Write(Words(data + 8));
        _fragment.Write("mdat"u8);
        _fragment.Write(_pictureData.WrittenSpan);
        _fragment.Write(_soundData.WrittenSpan);
        _soundAt += _sounds.Count * (long)SoundLength;
        _number++;
        Duration = 0;
        _pictures.Clear();
        _sounds.Clear();
        _pictureData.ResetWrittenCount();
        _soundData.ResetWrittenCount();
        return _fragment.WrittenSpan;

        byte[] Boxes(uint start) => Box("moof",
        [
            .. Box("mfhd", Words(0, _number + 1)),
            .. Run([0x20000, PictureTrack], _pictureAt, 0x701, (uint)_pictures.Count / 3, start, _pictures),
            .. Run([0x20028, SoundTrack, SoundLength, StandsAlone], _soundAt, 0x201, (uint)_sounds.Count,
                start + (uint)_pictureData.WrittenCount, _sounds),
        ]);
    }

    // The samples of a track that are in a fragment; nothing where there are none.
    private static byte[] Run(uint[] head, long at, uint has, uint samples, uint start, List<uint> each) =>
        samples == 0 ? [] : Box("traf",
        [
            .. Box("tfhd", Words(head)), .. Box("tfdt", Words(0x1000000, (uint)(at >> 32), (uint)at)),
            .. Box("trun", Words([has, samples, start, .. each])),
        ]);

    private static byte[] Track(
        uint id, uint scale, ReadOnlySpan<byte> kind, byte[] about, byte[] coding, uint width, uint height) => Box("trak",
        [
            .. Box("tkhd",
            [
                .. Words(3, 0, 0, id, 0, 0, 0, 0, 0, width == 0 ? 0x1000000u : 0), .. Unturned, .. Words(width << 16, height << 16),
            ]),
            .. Box("mdia",
            [
                .. Box("mdhd", Words(0, 0, 0, scale, 0, 0x55C40000)), .. Box("hdlr", [.. Words(0, 0), .. kind, .. new byte[13]]),
                .. Box("minf",
                [
                    .. about, .. Box("dinf", Box("dref", [.. Words(0, 1), .. Box("url ", Words(1))])),
                    .. Box("stbl",
                    [
                        .. Box("stsd", [.. Words(0, 1), .. coding]), .. Box("stts", Words(0, 0)), .. Box("stsc", Words(0, 0)),
                        .. Box("stsz", Words(0, 0, 0)), .. Box("stco", Words(0, 0)),
                    ]),
                ]),
            ]),
        ]);

    // A matrix that leaves the picture as it is.
    private static byte[] Unturned => Words(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000);

    private static byte[] Box(string type, ReadOnlySpan<byte> content) =>
        [.. Words((uint)content.Length + 8), .. Encoding.ASCII.GetBytes(type), .. content];

    private static byte[] Words(params ReadOnlySpan<uint> words)
    {
        var bytes = new byte[4 * words.Length];
        for (var i = 0; i < words.Length; i++)
            BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(4 * i), words[i]);
        return bytes;
    }
}
