using System.Buffers;
using System.Runtime.InteropServices;
using TrueLive.Core.Frames;

namespace TrueLive.Media;

/// <summary>
/// Baseline JPEG by libjpeg-turbo (Debian: libturbojpeg0). Frames are BT.601 full range as JFIF says. One thread at a time for
/// encoding and one for decoding.
/// </summary>
public sealed unsafe partial class JpegCodec : IDisposable
{
    private const string Library = "libturbojpeg.so.0";
    private const int Subsampling420 = 2;
    private const int Rgb = 0;
    private const int NoRealloc = 1024;
    private const int FastDct = 2048;

    private readonly nint _decompress = Init(tjInitDecompress);
    private readonly nint _compress = Init(tjInitCompress);
    private byte[] _rgb = [];

    /// <summary>The picture, or null when the bytes are not a JPEG that can be decoded or a side is over <paramref name="maxSide"/>.</summary>
    public VideoFrame? TryDecode(ReadOnlySpan<byte> jpeg, FramePool pool, int maxSide = 4096)
    {
        fixed (byte* data = jpeg)
        {
            if (tjDecompressHeader3(_decompress, data, (uint)jpeg.Length, out var width, out var height, out var subsampling, out _) != 0
                || width < 2 || height < 2 || width > maxSide || height > maxSide)
            {
                return null;
            }
            var frame = pool.Rent(width, height);
            frame.Colour = ColourSpace.Bt601Full;
            fixed (byte* y = frame.Y, u = frame.U, v = frame.V)
            {
                var planes = stackalloc byte*[] { y, u, v };
                var strides = stackalloc int[] { frame.StrideY, frame.StrideC, frame.StrideC };
                var good = subsampling == Subsampling420
                    ? tjDecompressToYUVPlanes(_decompress, data, (uint)jpeg.Length, planes, width, strides, height, FastDct) == 0
                    : ByWayOfRgb(data, (uint)jpeg.Length, planes, strides, width, height);
                if (good)
                    return frame;
            }
            frame.Dispose();
            return null;
        }
    }

    /// <summary>Appends the frame as one JPEG.</summary>
    /// <param name="frame">Taken as it is; convert to full range first when colour must be exact.</param>
    /// <param name="quality">1..100.</param>
    /// <param name="output">Gets the bytes.</param>
    public void Encode(VideoFrame frame, int quality, IBufferWriter<byte> output)
    {
        var room = output.GetSpan((int)tjBufSize(frame.Width, frame.Height, Subsampling420));
        fixed (byte* y = frame.Y, u = frame.U, v = frame.V, target = room)
        {
            var planes = stackalloc byte*[] { y, u, v };
            var strides = stackalloc int[] { frame.StrideY, frame.StrideC, frame.StrideC };
            var destination = target;
            nuint size = (nuint)room.Length;
            if (tjCompressFromYUVPlanes(_compress, planes, frame.Width, strides, frame.Height, Subsampling420, &destination, &size, quality, NoRealloc | FastDct) != 0)
                throw new InvalidOperationException("libturbojpeg could not encode the frame: " + Marshal.PtrToStringUTF8(tjGetErrorStr2(_compress)));
            output.Advance((int)size);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        tjDestroy(_decompress);
        tjDestroy(_compress);
    }

    // Other subsamplings are rare (a browser at very high quality): through RGB, which libturbojpeg then samples down.
    private bool ByWayOfRgb(byte* data, uint length, byte** planes, int* strides, int width, int height)
    {
        if (_rgb.Length < width * height * 3)
            _rgb = new byte[width * height * 3];
        fixed (byte* rgb = _rgb)
        {
            return tjDecompress2(_decompress, data, length, rgb, width, 0, height, Rgb, FastDct) == 0
                && tjEncodeYUVPlanes(_compress, rgb, width, 0, height, Rgb, planes, strides, Subsampling420, 0) == 0;
        }
    }

    private static nint Init(Func<nint> make)
    {
        try
        {
            return make() is var handle and not 0 ? handle : throw new InvalidOperationException("libturbojpeg could not start.");
        }
        catch (DllNotFoundException missing)
        {
            throw new InvalidOperationException("libturbojpeg is not installed. On Debian: apt-get install libturbojpeg0", missing);
        }
    }

    [LibraryImport(Library)]
    private static partial nint tjInitDecompress();

    [LibraryImport(Library)]
    private static partial nint tjInitCompress();

    [LibraryImport(Library)]
    private static partial void tjDestroy(nint handle);

    [LibraryImport(Library)]
    private static partial int tjDecompressHeader3(nint handle, byte* jpeg, nuint size, out int width, out int height, out int subsampling, out int colours);

    [LibraryImport(Library)]
    private static partial int tjDecompressToYUVPlanes(nint handle, byte* jpeg, nuint size, byte** planes, int width, int* strides, int height, int flags);

    [LibraryImport(Library)]
    private static partial int tjDecompress2(nint handle, byte* jpeg, nuint size, byte* rgb, int width, int pitch, int height, int format, int flags);

    [LibraryImport(Library)]
    private static partial int tjEncodeYUVPlanes(nint handle, byte* rgb, int width, int pitch, int height, int format, byte** planes, int* strides, int subsampling, int flags);

    [LibraryImport(Library)]
    private static partial nuint tjBufSize(int width, int height, int subsampling);

    [LibraryImport(Library)]
    private static partial int tjCompressFromYUVPlanes(
        nint handle, byte** planes, int width, int* strides, int height, int subsampling, byte** jpeg, nuint* size, int quality, int flags);

    [LibraryImport(Library)]
    private static partial nint tjGetErrorStr2(nint handle);
}
