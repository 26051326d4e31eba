using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>
/// libavcodec, as far as decoding needs it. Options are set and read by name (av_opt), so only the first fields of AVFrame and AVPacket are
/// declared; they are the same in libavutil 57 to 59. The library allocates both.
/// </summary>
internal static unsafe partial class Av
{
    public const int CodecH264 = 27;
    public const int CodecVp8 = 139;
    public const int PixelI420 = 0;
    public const int PixelI420Full = 12;
    public const int Again = -11;

    static Av() => NativeLibraries.Bind();

    /// <summary>The first fields of AVFrame.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Frame
    {
        private fixed long _planes[8];
        private fixed int _strides[8];
        private readonly nint _extendedData;
        public int Width, Height;
        private readonly int _samples;
        public int Format;
        private readonly int _keyFrame, _pictureType;
        private readonly long _aspect;
        public long Stamp;

        public readonly byte* Plane(int i) => (byte*)_planes[i];

        public readonly int Stride(int i) => _strides[i];
    }

    /// <summary>The first fields of AVPacket.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct Packet
    {
        private readonly nint _buffer;
        public long Stamp;
        private readonly long _decodeStamp;
        public byte* Data;
        public int Size;
    }

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_find_decoder")]
    public static partial nint FindDecoder(int id);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_alloc_context3")]
    public static partial nint AllocContext(nint codec);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_open2")]
    public static partial int Open(nint context, nint codec, nint options);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_send_packet")]
    public static partial int SendPacket(nint context, Packet* packet);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_receive_frame")]
    public static partial int ReceiveFrame(nint context, Frame* frame);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_flush_buffers")]
    public static partial void Flush(nint context);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_free_context")]
    public static partial void FreeContext(ref nint context);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "av_packet_alloc")]
    public static partial Packet* AllocPacket();

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "av_packet_free")]
    public static partial void FreePacket(ref Packet* packet);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_frame_alloc")]
    public static partial Frame* AllocFrame();

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_frame_free")]
    public static partial void FreeFrame(ref Frame* frame);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_opt_set", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetOption(nint target, string name, string value, int flags);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_opt_get_int", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int GetOption(nint target, string name, int flags, out long value);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_log_set_level")]
    public static partial void SetLogLevel(int level);
}
