using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>
/// libavcodec, as far as decoding needs it. Options travel by name (av_opt), so only the head of AVFrame and AVPacket is bound by
/// offset, which is the same in libavutil 57 to 59.
/// </summary>
internal static unsafe partial class Av
{
    public const int CodecH264 = 27;
    public const int CodecVp8 = 139;
    public const int PixelI420 = 0;
    public const int PixelI420Full = 12;
    public const int Again = -11;

    static Av() => NativeLibraries.Bind();

    public static byte* Plane(nint frame, int i) => ((byte**)frame)[i];

    public static int Stride(nint frame, int i) => ((int*)(frame + 64))[i];

    public static int Width(nint frame) => *(int*)(frame + 104);

    public static int Height(nint frame) => *(int*)(frame + 108);

    public static int Format(nint frame) => *(int*)(frame + 116);

    public static long Stamp(nint frame) => *(long*)(frame + 136);

    public static void SetPacket(nint packet, byte* data, int size, long stamp)
    {
        *(long*)(packet + 8) = stamp;
        *(byte**)(packet + 24) = data;
        *(int*)(packet + 32) = size;
    }

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_find_decoder")]
    public static partial nint FindDecoder(int id);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_alloc_context3")]
    public static partial nint AllocContext(nint codec);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_open2")]
    public static partial int Open(nint context, nint codec, nint options);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_send_packet")]
    public static partial int SendPacket(nint context, nint packet);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_receive_frame")]
    public static partial int ReceiveFrame(nint context, nint frame);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_flush_buffers")]
    public static partial void Flush(nint context);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "avcodec_free_context")]
    public static partial void FreeContext(ref nint context);

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "av_packet_alloc")]
    public static partial nint AllocPacket();

    [LibraryImport(NativeLibraries.AvCodec, EntryPoint = "av_packet_free")]
    public static partial void FreePacket(ref nint packet);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_frame_alloc")]
    public static partial nint AllocFrame();

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_frame_free")]
    public static partial void FreeFrame(ref nint frame);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_opt_set", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int SetOption(nint target, string name, string value, int flags);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_opt_get_int", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int GetOption(nint target, string name, int flags, out long value);

    [LibraryImport(NativeLibraries.AvUtil, EntryPoint = "av_log_set_level")]
    public static partial void SetLogLevel(int level);
}
