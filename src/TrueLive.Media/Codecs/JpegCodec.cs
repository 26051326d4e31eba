using System.Runtime.InteropServices;
using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>
/// JPEG through libturbojpeg, from and to I420 planes without a conversion to RGB. JPEG (JFIF) is BT.601 full range; frames in another
/// colour space are coded as they are, so convert them first. Not thread-safe.
/// </summary>
public sealed unsafe partial class JpegCodec : IDisposable
{
    /// <summary>Largest picture, in pixels.</summary>
    public const long MaxPixels = VideoDecoder.MaxPixels;

    /// <summary>
    /// Most scans in a picture. A decoder passes over the whole picture for each scan, and a scan that changes nothing takes only a few
    /// bytes; encoders write about ten.
    /// </summary>
    public const int MaxScans = 32;

    private const int Sampling420 = 2;
    private const int NoRealloc = 1024;

    private nint _compress;
    private nint _decompress;
    private byte[] _output = [];
    private byte[] _planes = [];

    static JpegCodec() => NativeLibraries.Bind();

    /// <summary>Encodes a frame; the bytes stay valid until the next call.</summary>
    /// <param name="frame">Any size.</param>
    /// <param name="quality">1..100.</param>
    public ReadOnlySpan<byte> Encode(VideoFrame frame, int quality)
    {
        if (_compress == 0)
            _compress = InitCompress();
        var most = (int)BufferSize(frame.Width, frame.Height, Sampling420);
        if (_output.Length < most)
            _output = GC.AllocateUninitializedArray<byte>(most, pinned: true);
        fixed (byte* y = frame.Y, u = frame.U, v = frame.V, output = _output)
        {
            var planes = stackalloc byte*[] { y, u, v };
            var strides = stackalloc int[] { frame.StrideY, frame.StrideC, frame.StrideC };
            var to = output;
            var size = (nuint)_output.Length;
            if (Compress(_compress, planes, frame.Width, strides, frame.Height, Sampling420, &to, &size, Math.Clamp(quality, 1, 100),
                NoRealloc) != 0)
                throw new InvalidOperationException("libturbojpeg could not encode the frame.");
            return _output.AsSpan(0, (int)size);
        }
    }

    /// <summary>
    /// Decodes a picture of any chroma sampling. Null when the bytes are not a JPEG, end before the picture, declare one larger than
    /// <see cref="MaxPixels"/>, or contain more than <see cref="MaxScans"/> scans. The caller disposes the frame and sets its time.
    /// </summary>
    public VideoFrame? Decode(ReadOnlySpan<byte> jpeg, FramePool pool)
    {
        if (_decompress == 0)
            _decompress = InitDecompress();
        fixed (byte* bytes = jpeg)
        {
            int width, height, sampling, space;
            if (jpeg.Length < 4 || ScansOf(jpeg) > MaxScans
                || Header(_decompress, bytes, (nuint)jpeg.Length, &width, &height, &sampling, &space) != 0)
                return null;
            // Only Y'CbCr and grey pictures have the planes of a frame; a very small side would make an empty chroma plane. What CostOf
            // said of the picture must be true of it.
            if (width is < 2 or > 8192 || height is < 2 or > 8192 || (long)width * height > MaxPixels || space is not (1 or 2)
                || sampling is < 0 or > 5 || JpegHead.SizeOf(jpeg) != (width, height))
                return null;
            var frame = pool.Rent(width, height);
            frame.Colour = ColourSpace.Bt601Full;
            if (Planes(bytes, jpeg.Length, width, height, sampling, frame))
                return frame;
            frame.Dispose();
            return null;
        }
    }

    /// <summary>
    /// Cost of decoding a picture, in pixels of one with a single scan: the decoder passes over it once for each scan, and each scan after
    /// the first costs half as much. 0 for bytes that <see cref="Decode"/> refuses without decoding them. Reads only what the bytes say of
    /// themselves, without the native library.
    /// </summary>
    public static long CostOf(ReadOnlySpan<byte> jpeg)
    {
        var scans = ScansOf(jpeg);
        return scans <= MaxScans && JpegHead.SizeOf(jpeg) is var (width, height) && (long)width * height <= MaxPixels
            ? (long)width * height * (scans + 1) / 2 : 0;
    }

    // Entropy-coded data never contains this marker; a thumbnail in the metadata may, and its scans count as well.
    private static int ScansOf(ReadOnlySpan<byte> jpeg) => jpeg.Count((ReadOnlySpan<byte>)[0xFF, 0xDA]);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var handle in new[] { _compress, _decompress })
        {
            if (handle != 0)
                Destroy(handle);
        }
        (_compress, _decompress) = (0, 0);
    }

    private bool Planes(byte* bytes, int length, int width, int height, int sampling, VideoFrame frame)
    {
        // The decoder writes whole blocks, so its planes can be wider than the picture.
        Span<int> widths = stackalloc int[3], heights = stackalloc int[3];
        var components = sampling == 3 ? 1 : 3;
        var total = 0;
        for (var i = 0; i < components; i++)
        {
            (widths[i], heights[i]) = (PlaneWidth(i, width, sampling), PlaneHeight(i, height, sampling));
            total += widths[i] * heights[i];
        }
        if (_planes.Length < total)
            _planes = GC.AllocateUninitializedArray<byte>(total, pinned: true);
        fixed (byte* memory = _planes)
        {
            var planes = stackalloc byte*[3];
            var strides = stackalloc int[3];
            var at = memory;
            for (var i = 0; i < components; i++)
            {
                planes[i] = at;
                strides[i] = widths[i];
                at += widths[i] * heights[i];
            }
            // A warning (a file cut off in its last rows) leaves a picture; an error does not.
            if (Decompress(_decompress, bytes, (nuint)length, planes, width, strides, height, 0) != 0 && ErrorCode(_decompress) != 0)
                return false;
            for (var y = 0; y < height; y++)
                new ReadOnlySpan<byte>(planes[0] + y * strides[0], width).CopyTo(frame.Y[(y * frame.StrideY)..]);
            for (var plane = 1; plane < 3; plane++)
            {
                var to = plane == 1 ? frame.U : frame.V;
                if (components == 1)
                {
                    to.Fill(128);
                    continue;
                }
                for (var y = 0; y < frame.ChromaHeight; y++)
                {
                    var row = new ReadOnlySpan<byte>(planes[plane]
                        + Math.Min(y * heights[plane] / frame.ChromaHeight, heights[plane] - 1) * strides[plane], widths[plane]);
                    var line = to.Slice(y * frame.StrideC, frame.ChromaWidth);
                    if (row.Length >= line.Length && row.Length < line.Length + 8)
                        row[..line.Length].CopyTo(line);
                    else
                    {
                        for (var x = 0; x < line.Length; x++)
                            line[x] = row[Math.Min(x * widths[plane] / line.Length, widths[plane] - 1)];
                    }
                }
            }
            return true;
        }
    }

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjInitCompress")]
    private static partial nint InitCompress();

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjInitDecompress")]
    private static partial nint InitDecompress();

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjDestroy")]
    private static partial void Destroy(nint handle);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjGetErrorCode")]
    private static partial int ErrorCode(nint handle);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjBufSize")]
    private static partial nuint BufferSize(int width, int height, int sampling);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjPlaneWidth")]
    private static partial int PlaneWidth(int component, int width, int sampling);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjPlaneHeight")]
    private static partial int PlaneHeight(int component, int height, int sampling);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjDecompressHeader3")]
    private static partial int Header(nint handle, byte* jpeg, nuint size, int* width, int* height, int* sampling, int* space);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjDecompressToYUVPlanes")]
    private static partial int Decompress(
        nint handle, byte* jpeg, nuint size, byte** planes, int width, int* strides, int height, int flags);

    [LibraryImport(NativeLibraries.TurboJpeg, EntryPoint = "tjCompressFromYUVPlanes")]
    private static partial int Compress(
        nint handle, byte** planes, int width, int* strides, int height, int sampling, byte** jpeg, nuint* size, int quality, int flags);
}
