using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>
/// libvpx's VP8 encoder. Only the fields in use are declared (vpx_encoder.h, vpx_image.h); the structures are larger than in any release.
/// </summary>
internal static unsafe partial class Vpx
{
    public const int AbiMismatch = 3;
    public const int SetCpuUsed = 13;
    public const int SetStaticThreshold = 17;
    public const int SetMaxIntraBitrate = 26;
    public const int I420 = 258;
    public const int FramePacket = 0;
    public const uint KeyFrameFlag = 1;
    public const uint ConstantBitRate = 1;

    /// <summary>vpx_codec_ctx_t.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 256)]
    public struct Context;

    /// <summary>vpx_codec_enc_cfg_t; times in units of the time base, rates in kbit/s, buffers in ms.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 1024)]
    public struct Config
    {
        [FieldOffset(4)] public uint Threads;
        [FieldOffset(12)] public uint Width;
        [FieldOffset(16)] public uint Height;
        [FieldOffset(28)] public uint TimeBaseNumerator;
        [FieldOffset(32)] public uint TimeBaseDenominator;
        [FieldOffset(36)] public uint ErrorResilient;
        [FieldOffset(44)] public uint LagInFrames;
        [FieldOffset(48)] public uint DropFrameThreshold;
        [FieldOffset(72)] public uint EndUsage;
        [FieldOffset(112)] public uint TargetBitrate;
        [FieldOffset(116)] public uint MinQuantizer;
        [FieldOffset(120)] public uint MaxQuantizer;
        [FieldOffset(124)] public uint UndershootPercent;
        [FieldOffset(128)] public uint OvershootPercent;
        [FieldOffset(132)] public uint BufferSize;
        [FieldOffset(136)] public uint BufferInitialSize;
        [FieldOffset(140)] public uint BufferOptimalSize;
        [FieldOffset(164)] public uint KeyFrameMinDistance;
        [FieldOffset(168)] public uint KeyFrameMaxDistance;
    }

    /// <summary>vpx_image_t.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    public struct Image
    {
        [FieldOffset(48)] public byte* Y;
        [FieldOffset(56)] public byte* U;
        [FieldOffset(64)] public byte* V;
        [FieldOffset(80)] public int StrideY;
        [FieldOffset(84)] public int StrideU;
        [FieldOffset(88)] public int StrideV;
    }

    /// <summary>The first fields of vpx_codec_cx_pkt_t, which the library allocates.</summary>
    [StructLayout(LayoutKind.Explicit)]
    public struct Packet
    {
        [FieldOffset(0)] public int Kind;
        [FieldOffset(8)] public byte* Data;
        [FieldOffset(16)] public nuint Size;
        [FieldOffset(40)] public uint Flags;
    }

    static Vpx() => NativeLibraries.Bind();

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_vp8_cx")]
    public static partial nint Vp8();

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_enc_config_default")]
    public static partial void DefaultConfig(nint codec, Config* config, uint usage);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_enc_init_ver")]
    public static partial int Init(Context* context, nint codec, Config* config, nint flags, int abi);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_enc_config_set")]
    public static partial void SetConfig(Context* context, Config* config);

    // Variadic in C; with one integer argument the call is the same on linux-x64 and linux-arm64.
    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_control_")]
    public static partial void Control(Context* context, int id, int value);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_encode")]
    public static partial int Encode(Context* context, Image* image, long pts, nuint duration, nint flags, nuint deadline);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_get_cx_data")]
    public static partial Packet* NextPacket(Context* context, ref nint iterator);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_codec_destroy")]
    public static partial void Destroy(Context* context);

    [LibraryImport(NativeLibraries.Vpx, EntryPoint = "vpx_img_wrap")]
    public static partial Image* Wrap(Image* image, int format, uint width, uint height, uint align, byte* data);
}
