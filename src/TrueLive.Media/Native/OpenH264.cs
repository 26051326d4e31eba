using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>
/// openh264's encoder through its C table of functions (codec_api.h of releases 2.3 to 2.6). Release 2.6 made some structures longer; the
/// sizes here are those of the longest.
/// </summary>
internal static unsafe partial class OpenH264
{
    public const int InfoSize = 7192;
    public const int BitrateMode = 1;
    public const int Baseline = 66;
    public const int I420 = 23;
    public const int KeyFrame = 1;
    public const int Skipped = 4;
    public const int OptionBitrate = 5;
    public const int OptionMaxBitrate = 6;
    public const int OptionTraceLevel = 25;

    static OpenH264()
    {
        NativeLibraries.Bind();
        Version(out var version);
        LayerSize = (version.Major, version.Minor) is (2, < 6) ? 40 : 56;
    }

    /// <summary>Size in bytes of one layer of the output (SLayerBSInfo).</summary>
    public static int LayerSize { get; }

    /// <summary>Offset of the kind of frame, after the layers (SFrameBSInfo.eFrameType).</summary>
    public static int FrameKindAt => 8 + 128 * LayerSize;

    /// <summary>SEncParamExt; fields that are not declared keep their defaults.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 924)]
    public struct Parameters
    {
        [FieldOffset(4)] public int Width;
        [FieldOffset(8)] public int Height;
        [FieldOffset(12)] public int TargetBitrate;
        [FieldOffset(16)] public int RateControl;
        [FieldOffset(20)] public float MaxFrameRate;
        [FieldOffset(32)] public Layer FirstLayer;
        [FieldOffset(832)] public int Complexity;
        [FieldOffset(836)] public int IntraPeriod;
        [FieldOffset(844)] public int ParameterSetIds;
        [FieldOffset(860)] public byte FrameSkip;
        [FieldOffset(864)] public int MaxBitrate;
        [FieldOffset(872)] public int FinestStep; // iMinQp
        [FieldOffset(892)] public ushort Threads;
        [FieldOffset(908)] public byte Denoise;
        [FieldOffset(909)] public byte BackgroundDetection;
        [FieldOffset(910)] public byte AdaptiveQuantization;
        [FieldOffset(912)] public byte SceneChangeDetection;
    }

    /// <summary>SSpatialLayerConfig.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 200)]
    public struct Layer
    {
        [FieldOffset(0)] public int Width;
        [FieldOffset(4)] public int Height;
        [FieldOffset(8)] public float FrameRate;
        [FieldOffset(12)] public int Bitrate;
        [FieldOffset(16)] public int MaxBitrate;
        [FieldOffset(20)] public int Profile;
        [FieldOffset(32)] public int SliceMode;
        [FieldOffset(184)] public byte HasVideoSignal;
        [FieldOffset(185)] public byte VideoFormat;
        [FieldOffset(186)] public byte FullRange;
        [FieldOffset(187)] public byte HasColour;
        [FieldOffset(188)] public byte Primaries;
        [FieldOffset(189)] public byte Transfer;
        [FieldOffset(190)] public byte Matrix;
    }

    /// <summary>SSourcePicture.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 80)]
    public struct Picture
    {
        [FieldOffset(0)] public int Format;
        [FieldOffset(4)] public int StrideY;
        [FieldOffset(8)] public int StrideU;
        [FieldOffset(12)] public int StrideV;
        [FieldOffset(24)] public byte* Y;
        [FieldOffset(32)] public byte* U;
        [FieldOffset(40)] public byte* V;
        [FieldOffset(56)] public int Width;
        [FieldOffset(60)] public int Height;
        [FieldOffset(64)] public long Milliseconds;
    }

    /// <summary>The first fields of SLayerBSInfo, one layer of the output.</summary>
    [StructLayout(LayoutKind.Explicit)]
    public struct LayerInfo
    {
        [FieldOffset(16)] public int Nals;
        [FieldOffset(24)] public int* Lengths;
        [FieldOffset(32)] public byte* Data;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Release
    {
        public uint Major, Minor, Revision, Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Table
    {
        public delegate* unmanaged<nint, byte*, int> Initialize;
        public delegate* unmanaged<nint, Parameters*, int> InitializeExt;
        public delegate* unmanaged<nint, Parameters*, int> GetDefaultParams;
        public delegate* unmanaged<nint, int> Uninitialize;
        public delegate* unmanaged<nint, Picture*, byte*, int> EncodeFrame;
        public delegate* unmanaged<nint, byte*, int> EncodeParameterSets;
        public delegate* unmanaged<nint, byte, int> ForceIntraFrame;
        public delegate* unmanaged<nint, int, void*, int> SetOption;
        public delegate* unmanaged<nint, int, void*, int> GetOption;
    }

    [LibraryImport(NativeLibraries.OpenH264, EntryPoint = "WelsGetCodecVersionEx")]
    private static partial void Version(out Release version);

    [LibraryImport(NativeLibraries.OpenH264, EntryPoint = "WelsCreateSVCEncoder")]
    public static partial int Create(out nint encoder);

    [LibraryImport(NativeLibraries.OpenH264, EntryPoint = "WelsDestroySVCEncoder")]
    public static partial void Destroy(nint encoder);
}
