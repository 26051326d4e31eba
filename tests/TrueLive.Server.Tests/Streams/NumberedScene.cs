using System.Diagnostics;
using TrueLive.Core.Frames;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Three seconds of pictures that carry their numbers, coded by x264 as a broadcaster's encoder does, in MPEG-TS.</summary>
public sealed class NumberedScene : IAsyncLifetime
{
    public const int Width = 320;
    public const int Height = 176;
    public const int Frames = 90;

    private readonly FramePool _pool = new("numbered scene");

    public string Folder { get; } = Directory.CreateTempSubdirectory("truelive-streams-").FullName;

    public string Path => System.IO.Path.Combine(Folder, "scene.ts");

    public async ValueTask InitializeAsync()
    {
        using var coder = Process.Start(new ProcessStartInfo("ffmpeg",
            [
                "-hide_banner", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", $"{Width}x{Height}", "-r", "30",
                    "-i", "pipe:0",
                "-c:v", "libx264", "-preset", "ultrafast", "-crf", "14", "-g", "15", "-bf", "0", "-f", "mpegts", Path,
            ])
        { RedirectStandardInput = true })!;
        var scene = new MovingScene(Width, Height, 30, _pool, numbered: true);
        for (var i = 0; i < Frames; i++)
        {
            using var frame = (await scene.ReadAsync(CancellationToken.None))!;
            Write(coder.StandardInput.BaseStream, frame.Y, frame.StrideY, Width, Height);
            Write(coder.StandardInput.BaseStream, frame.U, frame.StrideC, Width / 2, Height / 2);
            Write(coder.StandardInput.BaseStream, frame.V, frame.StrideC, Width / 2, Height / 2);
        }
        coder.StandardInput.Close();
        await coder.WaitForExitAsync();
        Assert.Equal(0, coder.ExitCode);
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    /// <summary>The numbers in a file.</summary>
    public async Task<int[]> AllNumbersAsync(string file) => (await PlayAsync("-i", file)).Numbers;

    /// <summary>The numbers in what ffmpeg plays from an input; tried until so many pictures came.</summary>
    public async Task<int[]> NumbersAsync(int frames, params string[] input)
    {
        var began = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var (numbers, errors) = await PlayAsync([.. input, "-frames:v", $"{frames}"]);
            if (numbers.Length >= frames)
                return numbers;
            if (TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromMinutes(5))
                Assert.Fail($"{numbers.Length} instead of {frames} pictures came of {string.Join(' ', input)}: {errors}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>
    /// Pictures move on, and forwards: a busy machine may leave some out or show one again, and the scene begins anew at its end.
    /// </summary>
    public static void Move(IReadOnlyList<int> numbers)
    {
        Assert.All(numbers, n => Assert.InRange(n, 0, Frames - 1));
        var steps = numbers.Zip(numbers.Skip(1), (a, b) => (b - a + Frames) % Frames).Where(s => s > 0).ToArray();
        Assert.True(steps.Length >= 5 && steps.Count(s => s < Frames / 2) >= steps.Length * 3 / 4, string.Join(' ', numbers));
    }

    private async Task<(int[] Numbers, string Errors)> PlayAsync(params string[] input)
    {
        var cancel = TestContext.Current.CancellationToken;
        using var player = Process.Start(new ProcessStartInfo("ffmpeg",
            [
                "-hide_banner", "-loglevel", "error", "-nostdin", .. input, "-fps_mode", "passthrough",
                "-vf", $"scale={Width}:{Height}", "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1",
            ])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = player.StandardError.ReadToEndAsync(cancel);
        var all = new MemoryStream();
        await player.StandardOutput.BaseStream.CopyToAsync(all, cancel);
        await player.WaitForExitAsync(cancel);
        const int Size = Width * Height * 3 / 2;
        return ([.. Enumerable.Range(0, (int)(all.Length / Size)).Select(i => NumberOf(all.GetBuffer().AsSpan(i * Size, Size)))],
            await errors);
    }

    private int NumberOf(ReadOnlySpan<byte> packed)
    {
        using var frame = _pool.Rent(Width, Height);
        for (var y = 0; y < Height; y++)
            packed.Slice(y * Width, Width).CopyTo(frame.Y[(y * frame.StrideY)..]);
        return MovingScene.ReadNumber(frame);
    }

    private static void Write(Stream to, ReadOnlySpan<byte> plane, int stride, int width, int height)
    {
        for (var y = 0; y < height; y++)
            to.Write(plane.Slice(y * stride, width));
    }
}
