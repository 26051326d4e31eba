using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>openh264's encoder through its C table of functions (codec_api.h of release 2.3).</summary>
internal static unsafe partial class OpenH264
{
    public const int ParamSize = 920;
    public const int PictureSize = 72;
    public const int InfoSize = 5144;
    public const int OptionFrameRate = 4;
    public const int OptionBitrate = 5;
    public const int OptionMaxBitrate = 6;
    public const int OptionTraceLevel = 25;

    static OpenH264() => NativeLibraries.Bind();

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

    [LibraryImport(NativeLibraries.OpenH264, EntryPoint = "WelsCreateSVCEncoder")]
    public static partial int Create(out nint encoder);

    [LibraryImport(NativeLibraries.OpenH264, EntryPoint = "WelsDestroySVCEncoder")]
    public static partial void Destroy(nint encoder);
}
