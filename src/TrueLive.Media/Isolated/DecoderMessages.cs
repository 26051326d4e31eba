using System.Buffers.Binary;
using TrueLive.Core.Frames;

namespace TrueLive.Media.Isolated;

/// <summary>The memory that server and decode process share: coded bytes in the first slot, the picture in the second.</summary>
internal static class DecoderMemory
{
    /// <summary>File descriptor under which the process finds it.</summary>
    public const int Descriptor = 8;

    public const int Slots = 2;
    public const int Coded = 0;
    public const int Picture = 1;

    /// <summary>Longest coded picture.</summary>
    public const int MaxCoded = 8 << 20;

    /// <summary>
    /// Bytes of a slot: more than any picture takes whose sides and pixels are within the decoder's limits. Memory that is never touched
    /// is never provided.
    /// </summary>
    public const int SlotBytes = 20 << 20;
}

/// <summary>To the process: decode what lies in the memory. Everything is little-endian.</summary>
internal readonly record struct DecodeRequest(
    VideoCodec Codec, bool KeyFrame, bool AfterGap, ColourSpace? Colour, uint RtpTime, int Length)
{
    public const int Size = 12;

    public void Write(Span<byte> to)
    {
        to[0] = (byte)Codec;
        to[1] = (byte)((KeyFrame ? 1 : 0) | (AfterGap ? 2 : 0) | (Colour is null ? 0 : 4));
        (to[2], to[3]) = (ColourByte.Of(Colour ?? default), 0);
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], RtpTime);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], Length);
    }

    public static DecodeRequest Read(ReadOnlySpan<byte> from) => new((VideoCodec)from[0], (from[1] & 1) != 0, (from[1] & 2) != 0,
        (from[1] & 4) != 0 ? ColourByte.Read(from[2]) : null, BinaryPrimitives.ReadUInt32LittleEndian(from[4..]),
        BinaryPrimitives.ReadInt32LittleEndian(from[8..]));
}

/// <summary>
/// The answer to a request, which nothing is believed of that has not been checked: whoever has taken over the decoder writes it.
/// </summary>
/// <param name="HasPicture">A picture of this size lies in the memory.</param>
/// <param name="NeedsKeyFrame">As in <see cref="Codecs.ILiveDecoder"/>, like the next two.</param>
/// <param name="Hopeless">Another key frame would not help.</param>
/// <param name="Dropped">How many more frames could not be decoded.</param>
/// <param name="TroubleLength">Bytes of the text that follows: why the stream cannot be shown; 0 for none.</param>
/// <param name="Colour">The picture's colour.</param>
/// <param name="Width">Its width.</param>
/// <param name="Height">Its height.</param>
/// <param name="Stamp">The RTP time of the access unit that it was in.</param>
internal readonly record struct DecodeAnswer(
    bool HasPicture, bool NeedsKeyFrame, bool Hopeless, int Dropped, int TroubleLength, ColourSpace Colour, int Width, int Height,
    uint Stamp)
{
    public const int Size = 20;
    public const int MaxTrouble = 480;

    private const int MaxDropped = 255;

    public void Write(Span<byte> to)
    {
        to[0] = (byte)((HasPicture ? 1 : 0) | (NeedsKeyFrame ? 2 : 0) | (Hopeless ? 4 : 0));
        (to[1], to[2], to[3]) = (ColourByte.Of(Colour), (byte)Math.Min(Dropped, MaxDropped), 0);
        BinaryPrimitives.WriteInt32LittleEndian(to[4..], TroubleLength);
        BinaryPrimitives.WriteInt32LittleEndian(to[8..], Width);
        BinaryPrimitives.WriteInt32LittleEndian(to[12..], Height);
        BinaryPrimitives.WriteUInt32LittleEndian(to[16..], Stamp);
    }

    /// <summary>False when the bytes are no answer, or name a picture that the memory cannot hold.</summary>
    public static bool TryRead(ReadOnlySpan<byte> from, out DecodeAnswer answer)
    {
        answer = new((from[0] & 1) != 0, (from[0] & 2) != 0, (from[0] & 4) != 0, from[2],
            BinaryPrimitives.ReadInt32LittleEndian(from[4..]), ColourByte.Read(from[1]), BinaryPrimitives.ReadInt32LittleEndian(from[8..]),
            BinaryPrimitives.ReadInt32LittleEndian(from[12..]), BinaryPrimitives.ReadUInt32LittleEndian(from[16..]));
        return from[0] < 8 && from[1] < 4 && from[3] == 0 && answer.TroubleLength is >= 0 and <= MaxTrouble
            && (!answer.HasPicture || Codecs.VideoDecoder.IsTaken(answer.Width, answer.Height));
    }
}

/// <summary>A colour space in one byte.</summary>
file static class ColourByte
{
    public static byte Of(ColourSpace colour) => (byte)((colour.Matrix == ColourMatrix.Bt709 ? 1 : 0) | (colour.FullRange ? 2 : 0));

    public static ColourSpace Read(byte from) => new((from & 1) != 0 ? ColourMatrix.Bt709 : ColourMatrix.Bt601, (from & 2) != 0);
}

/// <summary>Pictures in the shared memory: the planes of a frame one after the other, with its own strides.</summary>
internal static class DecodedPlanes
{
    /// <summary>Copies a frame into the memory; false when it does not fit.</summary>
    public static bool Write(VideoFrame frame, Span<byte> to)
    {
        if (frame.Y.Length + frame.U.Length + frame.V.Length > to.Length)
            return false;
        frame.Y.CopyTo(to);
        frame.U.CopyTo(to[frame.Y.Length..]);
        frame.V.CopyTo(to[(frame.Y.Length + frame.U.Length)..]);
        return true;
    }

    /// <summary>Copies the memory into a frame of the size that was announced.</summary>
    public static void Read(ReadOnlySpan<byte> from, VideoFrame frame)
    {
        from[..frame.Y.Length].CopyTo(frame.Y);
        from.Slice(frame.Y.Length, frame.U.Length).CopyTo(frame.U);
        from.Slice(frame.Y.Length + frame.U.Length, frame.V.Length).CopyTo(frame.V);
    }
}
