using System.Buffers.Binary;
using TrueLive.Media.Files;

namespace TrueLive.Server.Streams.Hls;

/// <summary>What a tag of FLV holds, of what an output has.</summary>
internal enum FlvKind : byte
{
    /// <summary>The parameters of the pictures (ISO/IEC 14496-15, section 5.3.3.1).</summary>
    PictureHead,

    /// <summary>A picture, its units with their lengths before them.</summary>
    Picture,

    /// <summary>A picture that stands alone.</summary>
    KeyPicture,

    /// <summary>The parameters of the sound (ISO/IEC 14496-3, section 1.6.2.1).</summary>
    SoundHead,

    /// <summary>1,024 samples of AAC.</summary>
    Sound,
}

/// <summary>A tag of FLV.</summary>
/// <param name="Kind">What it holds.</param>
/// <param name="At">Its time in milliseconds, which goes on where that of the tag wraps.</param>
/// <param name="Data">Its content; valid until the next is read.</param>
internal readonly record struct FlvTag(FlvKind Kind, long At, ReadOnlyMemory<byte> Data);

/// <summary>Takes the FLV of a child apart as it comes: H.264 without B-frames, and AAC. Not thread-safe.</summary>
internal sealed class FlvReader(Stream from)
{
    private const int FileHead = 9;
    private const int SizeBefore = 4;
    private const int TagHead = 11;
    private const byte Sound = 8;
    private const byte Picture = 9;
    private const byte Aac = 10;
    private const byte Avc = 7;

    // An hour, in milliseconds: a session repeats its picture long before.
    private const int LongestStep = 3_600_000;

    private byte[] _bytes = new byte[64 << 10];
    private bool _begun;
    private long _at;

    /// <summary>The next tag; null at the end, also where that is in the middle of one.</summary>
    /// <exception cref="MediaFileException">It cannot be read.</exception>
    public async ValueTask<FlvTag?> NextAsync(CancellationToken cancel)
    {
        if (!_begun)
        {
            if (!await FillAsync(FileHead, cancel).ConfigureAwait(false))
                return null;
            if (!_bytes.AsSpan(0, 3).SequenceEqual("FLV"u8) || BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(5)) != FileHead)
                throw Broken();
            _begun = true;
        }
        while (await FillAsync(SizeBefore + TagHead, cancel).ConfigureAwait(false))
        {
            var (kind, size) = (_bytes[SizeBefore], (int)Number(SizeBefore + 1));
            var at = Number(SizeBefore + 4) | ((uint)_bytes[SizeBefore + 7] << 24);
            // ffmpeg writes 31 bits of it: 25 days.
            var step = (int)((at - (uint)_at) << 1) >> 1;
            if (Math.Abs(step) > LongestStep)
                throw Broken();
            _at += step;
            // Its size has three bytes: 16 MiB are the most.
            if (!await FillAsync(size, cancel).ConfigureAwait(false))
                return null;
            switch (kind)
            {
                case Sound when size >= 2 && _bytes[0] >> 4 == Aac && _bytes[1] <= 1:
                    return new FlvTag(_bytes[1] == 0 ? FlvKind.SoundHead : FlvKind.Sound, _at, _bytes.AsMemory(2, size - 2));
                case Picture when size >= 5 && (_bytes[0] & 0xF) == Avc && _bytes[1] <= 1 && Number(2) == 0:
                    var picture = _bytes[0] >> 4 == 1 ? FlvKind.KeyPicture : FlvKind.Picture;
                    return new FlvTag(_bytes[1] == 0 ? FlvKind.PictureHead : picture, _at, _bytes.AsMemory(5, size - 5));
                case Sound or Picture:
                    throw Broken();
            }
        }
        return null;
    }

    public static MediaFileException Broken() => new("ffmpeg wrote what cannot be cut for HLS.");

    private uint Number(int at) => BinaryPrimitives.ReadUInt32BigEndian(_bytes.AsSpan(at)) >> 8;

    private async ValueTask<bool> FillAsync(int count, CancellationToken cancel)
    {
        if (_bytes.Length < count)
            Array.Resize(ref _bytes, Math.Max(count, _bytes.Length * 2));
        var room = _bytes.AsMemory(0, count);
        return await from.ReadAtLeastAsync(room, count, throwOnEndOfStream: false, cancel).ConfigureAwait(false) == count;
    }
}
