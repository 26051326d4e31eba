using System.Diagnostics;
using System.Globalization;

namespace TrueLive.Server.Tests.Streams;

/// <summary>A clip that flashes and beeps at once each second, made by ffmpeg, and the time between the two in what came out.</summary>
internal static class Clapper
{
    private const string Beep = "if(lt(mod(t,1),0.2),sin(2*PI*1000*t),0)";

    /// <summary>Makes it, with its sound as these arguments say.</summary>
    public static async Task<string> MakeAsync(string path, params string[] sound)
    {
        var flash = "color=black:s=160x96:r=30,drawbox=t=fill:color=white:enable='lt(mod(t,1),0.2)',format=yuv420p";
        await FfmpegAsync(
            ["-f", "lavfi", "-i", flash, "-f", "lavfi", "-i", $"aevalsrc='{Beep}':s=48000", "-t", "4", "-c:v", "libx264", "-preset",
                "ultrafast", "-bf", "0", "-g", "15", .. sound, path]);
        return path;
    }

    /// <summary>ffmpeg of somebody else, to its end.</summary>
    public static async Task FfmpegAsync(string[] arguments)
    {
        using var ffmpeg = Process.Start("ffmpeg", ["-hide_banner", "-loglevel", "error", "-nostdin", "-y", .. arguments]);
        await ffmpeg.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, ffmpeg.ExitCode);
    }

    /// <summary>Flashes are within 40 ms of their beeps, most of them.</summary>
    public static async Task IsInStepAsync(string path, string what)
    {
        var (flashes, beeps) = (await OnsetsAsync(path, "-vf", "scale=16:16,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-",
            level => level > 120), await OnsetsAsync(path, "-af",
            "aresample=48000,asetnsamples=n=240:p=0,astats=metadata=1:reset=1,ametadata=print:key=lavfi.astats.Overall.RMS_level:file=-",
            level => level > -30));
        Assert.True(flashes.Length >= 3 && beeps.Length >= 3, $"{what}: {flashes.Length} flashes, {beeps.Length} beeps.");
        // A busy machine leaves pictures out, so that some flashes begin late; where a clip begins anew one may be alone.
        var skews = flashes.Select(f => beeps.Select(b => b - f).MinBy(Math.Abs)).Order().ToArray();
        var words = $"{what}: {string.Join(' ', skews.Select(s => s.ToString("0.000", CultureInfo.InvariantCulture)))}";
        TestContext.Current.TestOutputHelper?.WriteLine(words);
        Assert.True(Math.Abs(skews[skews.Length / 2]) <= 0.040, words);
    }

    // Times at which a level is passed from below.
    private static async Task<double[]> OnsetsAsync(string path, string kind, string filters, Func<double, bool> high)
    {
        using var ffmpeg = Process.Start(new ProcessStartInfo("ffmpeg",
            ["-hide_banner", "-loglevel", "error", "-nostdin", "-copyts", "-i", path, kind == "-vf" ? "-an" : "-vn", kind, filters,
                "-fps_mode", "passthrough", "-f", "null", "-"])
        { RedirectStandardOutput = true })!;
        var (onsets, was, at) = (new List<double>(), true, 0.0);
        while (await ffmpeg.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            if (line.IndexOf("pts_time:", StringComparison.Ordinal) is >= 0 and var from)
                at = double.Parse(line.AsSpan(from + "pts_time:".Length), CultureInfo.InvariantCulture);
            else if (line.IndexOf('=', StringComparison.Ordinal) is >= 0 and var to)
            {
                var text = line[(to + 1)..];
                var now = text != "-inf" && high(double.Parse(text, CultureInfo.InvariantCulture));
                if (now && !was)
                    onsets.Add(at);
                was = now;
            }
        }
        await ffmpeg.WaitForExitAsync(TestContext.Current.CancellationToken);
        return [.. onsets];
    }
}
