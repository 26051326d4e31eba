using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Models;

/// <summary>
/// A picture that a parameter can be set to: decoded, at most <see cref="MaxSide"/> pixels on a side, BT.709 limited. Immutable. Its id is
/// made of what it shows, so a value that names it says which picture it was.
/// </summary>
public sealed class ReferencePicture
{
    /// <summary>Longest side.</summary>
    public const int MaxSide = 768;

    /// <summary>Longest <see cref="Bytes"/>.</summary>
    public const int MaxBytes = HeaderLength + MaxSide * MaxSide * 3 / 2;

    private const int HeaderLength = 8;

    // Width and height, then the three planes without padding.
    private readonly byte[] _bytes;

    private ReferencePicture(string id, byte[] bytes) => (Id, _bytes) = (id, bytes);

    /// <summary>32 hexadecimal digits.</summary>
    public string Id { get; }

    /// <summary>Width in pixels, even.</summary>
    public int Width => BinaryPrimitives.ReadInt32LittleEndian(_bytes);

    /// <summary>Height in pixels, even.</summary>
    public int Height => BinaryPrimitives.ReadInt32LittleEndian(_bytes.AsSpan(4));

    /// <summary>The picture as <see cref="Read"/> takes it.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <summary>A copy of a frame with even sides of at most <see cref="MaxSide"/>.</summary>
    /// <param name="frame">What it shows.</param>
    /// <param name="scope">Whose picture it is: the same frame has another id in another scope.</param>
    public static ReferencePicture Of(VideoFrame frame, string scope)
    {
        if (!IsSize(frame.Width, frame.Height))
            throw new ArgumentException($"A reference picture has even sides of at most {MaxSide}, not {frame.Width}x{frame.Height}.");
        var bytes = new byte[LengthOf(frame.Width, frame.Height)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, frame.Width);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(4), frame.Height);
        var into = bytes.AsSpan(HeaderLength);
        for (var plane = 0; plane < 3; plane++)
        {
            var from = Plane(frame, plane, out var stride, out var width);
            for (var at = 0; at < from.Length; at += stride, into = into[width..])
                from.Slice(at, width).CopyTo(into);
        }
        return new ReferencePicture(Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(scope), 0, .. bytes])
            .AsSpan(0, 16)), bytes);
    }

    /// <summary>A picture from the bytes of another with the same id; null when they are not of a picture.</summary>
    public static ReferencePicture? Read(string id, byte[] bytes)
    {
        if (bytes.Length < HeaderLength)
            return null;
        var picture = new ReferencePicture(id, bytes);
        return IsSize(picture.Width, picture.Height) && bytes.Length == LengthOf(picture.Width, picture.Height) ? picture : null;
    }

    /// <summary>The picture as a frame that the caller disposes.</summary>
    public VideoFrame Rent(FramePool pool)
    {
        var frame = pool.Rent(Width, Height);
        frame.Colour = ColourSpace.Bt709Limited;
        var from = _bytes.AsSpan(HeaderLength);
        for (var plane = 0; plane < 3; plane++)
        {
            var into = Plane(frame, plane, out var stride, out var width);
            for (var at = 0; at < into.Length; at += stride, from = from[width..])
                from[..width].CopyTo(into[at..]);
        }
        return frame;
    }

    private static Span<byte> Plane(VideoFrame frame, int plane, out int stride, out int width)
    {
        (stride, width) = plane == 0 ? (frame.StrideY, frame.Width) : (frame.StrideC, frame.ChromaWidth);
        return plane switch { 0 => frame.Y, 1 => frame.U, _ => frame.V };
    }

    private static bool IsSize(int width, int height) =>
        width is > 0 and <= MaxSide && height is > 0 and <= MaxSide && width % 2 == 0 && height % 2 == 0;

    private static int LengthOf(int width, int height) => HeaderLength + width * height * 3 / 2;
}
