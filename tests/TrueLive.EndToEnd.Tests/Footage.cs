using System.Diagnostics;

namespace TrueLive.EndToEnd.Tests;

/// <summary>Real footage for Chromium's fake camera: people crossing a square, from Debian's opencv-doc.</summary>
internal static class Footage
{
    private const string Film = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
    private static readonly Lock Making = new();

    /// <summary>640x360 at 30 frames per second, ten seconds.</summary>
    public static string Camera => Play(Film, "camera.mjpeg", "crop=768:432,scale=640:360");

    /// <summary>
    /// Footage of a person who faces the camera, if there is any in <c>shared/data/video</c> beside the repository; else null.
    /// </summary>
    public static string? Person
    {
        get
        {
            var root = new DirectoryInfo(AppContext.BaseDirectory);
            while (root is not null && !File.Exists(Path.Combine(root.FullName, "TrueLive.slnx")))
                root = root.Parent;
            var folder = Path.Combine(root?.Parent?.FullName ?? "", "shared", "data", "video");
            if (!Directory.Exists(folder))
                return null;
            var film = Directory.EnumerateFiles(folder).Where(f => f.EndsWith(".mkv", StringComparison.Ordinal)
                || f.EndsWith(".mp4", StringComparison.Ordinal)).Order().FirstOrDefault();
            return film is null ? null : Play(film, "person.mjpeg", "scale=640:360:force_original_aspect_ratio=increase,crop=640:360");
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

    private static string Play(string film, string name, string filter)
    {
        lock (Making)
        {
            var file = Path.Combine(AppContext.BaseDirectory, name);
            if (File.Exists(file))
                return file;
            Run("ffmpeg", $"-loglevel error -y -i {film} -t 10 -an -vf {filter} -r 30 -q:v 3 -f mjpeg {file}.part");
            File.Move(file + ".part", file);
            return file;
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
