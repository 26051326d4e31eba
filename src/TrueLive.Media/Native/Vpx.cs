using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>libvpx's VP8 encoder. Structures are opaque here; their few fields are set by offset (vpx_encoder.h, vpx_image.h).</summary>
internal static unsafe partial class Vpx
{
    public const int ContextSize = 256;
    public const int ConfigSize = 1024;
    public const int ImageSize = 256;
    public const int AbiMismatch = 3;
    public const int SetCpuUsed = 13;
    public const int SetStaticThreshold = 17;
    public const int SetMaxIntraBitrate = 26;
    public const int I420 = 258;

    static Vpx() => NativeLibraries.Bind();

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_vp8_cx")]
    public static partial nint Vp8();

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_enc_config_default")]
    public static partial void DefaultConfig(nint codec, byte* config, uint usage);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_enc_init_ver")]
    public static partial int Init(byte* context, nint codec, byte* config, nint flags, int abi);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_enc_config_set")]
    public static partial void SetConfig(byte* context, byte* config);

    // Variadic in C; with one integer argument the call is the same on linux-x64 and linux-arm64.
    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_control_")]
    public static partial void Control(byte* context, int id, int value);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_encode")]
    public static partial int Encode(byte* context, byte* image, long pts, nuint duration, nint flags, nuint deadline);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_get_cx_data")]
    public static partial byte* NextPacket(byte* context, ref nint iterator);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_destroy")]
    public static partial void Destroy(byte* context);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_img_wrap")]
    public static partial byte* Wrap(byte* image, int format, uint width, uint height, uint align, byte* data);
}
