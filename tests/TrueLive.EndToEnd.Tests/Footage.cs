using System.Diagnostics;

namespace TrueLive.EndToEnd.Tests;

/// <summary>Real footage as a camera: people crossing a square, from Debian's opencv-doc, in the form that Chromium's fake camera plays.</summary>
internal static class Footage
{
    private const string Film = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
    private static readonly Lock Making = new();

    /// <summary>640x360 at 30 frames per second, ten seconds.</summary>
    public static string Camera
    {
        get
        {
            lock (Making)
            {
                var file = Path.Combine(AppContext.BaseDirectory, "camera.mjpeg");
                if (!File.Exists(file))
                    Run("ffmpeg", $"-loglevel error -y -i {Film} -t 10 -vf crop=768:432,scale=640:360 -r 30 -q:v 3 -f mjpeg {file}.part");
                if (!File.Exists(file))
                    File.Move(file + ".part", file);
                return file;
            }
        }
    }

    /// <summary>One second of it as an MP4 file, 320x180.</summary>
    public static string Clip
    {
        get
        {
            lock (Making)
            {
                var file = Path.Combine(AppContext.BaseDirectory, "second.mp4");
                if (!File.Exists(file))
                    Run("ffmpeg", $"-loglevel error -y -i {Film} -t 1 -vf crop=768:432,scale=320:180 -pix_fmt yuv420p {file}");
                return file;
            }
        }
    }

    private static void Run(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        var errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} failed: {errors}");
    }
}
