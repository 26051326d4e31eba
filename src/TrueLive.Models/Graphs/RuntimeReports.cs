using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TrueLive.Models.Graphs;

/// <summary>
/// ONNX Runtime's packages for Linux report to their maker what is loaded where, under a number that they keep in the user's cache, unless
/// this variable is set before the library is loaded. A server of one's own reports to nobody.
/// </summary>
internal static partial class RuntimeReports
{
    [ModuleInitializer]
    [SuppressMessage("Usage", "CA2255", Justification = "Only this assembly loads the library, and whatever it does first may do so.")]
    internal static void Forbid()
    {
        // .NET changes a copy of the environment, which libraries do not see.
        if (OperatingSystem.IsLinux() || OperatingSystem.IsMacOS())
            _ = Set("ORT_DISABLE_TELEMETRY", "1", 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Set(string name, string value, int overwrite);
}
