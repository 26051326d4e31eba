using System.Diagnostics;

namespace TrueLive.Tests.Shared;

/// <summary>What ExifTool finds in a file.</summary>
internal static class Exiftool
{
    /// <summary>IPTC's digital source type in the XMP of a file, as it stands there; empty for none.</summary>
    public static string SourceTypeOf(string path)
    {
        using var program = Process.Start(new ProcessStartInfo("exiftool", ["-s3", "-n", "-ee", "-XMP-iptcExt:DigitalSourceType", path])
        { RedirectStandardOutput = true })!;
        var found = program.StandardOutput.ReadToEnd().Trim();
        program.WaitForExit();
        return found;
    }
}
