using System.Reflection;
using System.Runtime.InteropServices;

namespace TrueLive.Media.Native;

/// <summary>A codec library is not installed; the message names the package that provides it.</summary>
public sealed class MissingNativeLibraryException(string message) : Exception(message);

/// <summary>The native codec libraries: which are needed, under which names they are loaded, and which package provides them.</summary>
public static class NativeLibraries
{
    internal const string AvCodec = "avcodec";
    internal const string AvUtil = "avutil";
    internal const string Vpx = "vpx";
    internal const string OpenH264 = "openh264";
    internal const string TurboJpeg = "turbojpeg";

    // Newest first. Structure offsets are valid for the releases named here and no others; eng/setup.sh installs the same.
    private static readonly Dictionary<string, (string[] Names, string Package, string Newer, string For)> Known = new()
    {
        [AvCodec] = (["libavcodec.so.61", "libavcodec.so.60", "libavcodec.so.59"], "libavcodec59", "libavcodec61",
            "decoding H.264 and VP8"),
        [AvUtil] = (["libavutil.so.59", "libavutil.so.58", "libavutil.so.57"], "libavcodec59", "libavcodec61", "decoding H.264 and VP8"),
        [Vpx] = (["libvpx.so.11", "libvpx.so.9", "libvpx.so.8", "libvpx.so.7"], "libvpx7", "libvpx9", "encoding VP8"),
        [OpenH264] = (["libopenh264.so.8", "libopenh264.so.7"], "libopenh264-7", "libopenh264-8", "encoding H.264"),
        [TurboJpeg] = (["libturbojpeg.so.0"], "libturbojpeg0", "libturbojpeg0", "JPEG"),
    };

    static NativeLibraries() => NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), Resolve);

    /// <summary>One sentence for each library that is missing; empty when all are there.</summary>
    public static IReadOnlyList<string> Missing() => Missing(name => NativeLibrary.TryLoad(name, out _));

    /// <summary>The same for a machine on which <paramref name="loads"/> says which libraries load.</summary>
    public static IReadOnlyList<string> Missing(Func<string, bool> loads) =>
        [.. Known.Values.Where(k => !k.Names.Any(loads)).Select(Sentence).Distinct()];

    /// <summary>
    /// Each library: the name under which it loads, or null; what it is for; and the sentence that says how to install it.
    /// </summary>
    public static IEnumerable<(string? File, string For, string Missing)> Look() =>
        Known.Values.Select(k => (k.Names.FirstOrDefault(name => NativeLibrary.TryLoad(name, out _)), k.For, Sentence(k)));

    /// <summary>Registers the names with the runtime, in the static constructor; every binding calls it first.</summary>
    internal static void Bind()
    {
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (!Known.TryGetValue(name, out var library))
            return 0;
        foreach (var file in library.Names)
        {
            if (NativeLibrary.TryLoad(file, out var handle))
                return handle;
        }
        throw new MissingNativeLibraryException(Sentence(library));
    }

    private static string Sentence((string[] Names, string Package, string Newer, string For) library) =>
        $"{library.Names[^1]} is not installed, which is needed for {library.For}. Install it with: apt-get install {library.Package}"
        + (library.Newer == library.Package ? "" : $" (Debian 12; on Debian 13: apt-get install {library.Newer})");
}
