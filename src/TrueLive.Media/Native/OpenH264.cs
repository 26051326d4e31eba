using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>
/// openh264's encoder through its C table of functions (codec_api.h of releases 2.3 to 2.6). Release 2.6 made some structures longer; what
/// the sizes here hold is the longest.
/// </summary>
internal static unsafe partial class OpenH264
{
    public const int ParamSize = 924;
    public const int PictureSize = 80;
    public const int InfoSize = 7192;
    public const int OptionBitrate = 5;
    public const int OptionMaxBitrate = 6;
    public const int OptionTraceLevel = 25;

    static OpenH264()
    {
        NativeLibraries.Bind();
        Version(out var version);
        LayerSize = (version.Major, version.Minor) is (2, < 6) ? 40 : 56;
    }

    /// <summary>Bytes of one layer of what was encoded (SLayerBSInfo).</summary>
    public static int LayerSize { get; }

    /// <summary>Where the kind of frame stands behind the layers (SFrameBSInfo.eFrameType).</summary>
    public static int FrameKindAt => 8 + 128 * LayerSize;

    [StructLayout(LayoutKind.Sequential)]
    public struct Release
    {
        public uint Major, Minor, Revision, Reserved;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Table
    {
        public delegate* unmanaged<nint, byte*, int> Initialize;
        public delegate* unmanaged<nint, byte*, int> InitializeExt;
        public delegate* unmanaged<nint, byte*, int> GetDefaultParams;
        public delegate* unmanaged<nint, int> Uninitialize;
        public delegate* unmanaged<nint, byte*, byte*, int> EncodeFrame;
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
