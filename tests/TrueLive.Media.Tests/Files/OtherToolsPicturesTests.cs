using System.Diagnostics;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;

namespace TrueLive.Media.Tests.Files;

/// <summary>Pictures made by the programs of libwebp, libheif and ExifTool.</summary>
public sealed class OtherToolsPicturesTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private readonly FramePool _pool = new("picture test");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<string> RunAsync(string tool, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(tool, arguments)
        { RedirectStandardError = true, RedirectStandardOutput = true, WorkingDirectory = files.Folder })!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return process.ExitCode == 0 ? string.Concat(said) : throw new InvalidOperationException($"{tool}: {string.Concat(said)}");
    }

    // The colours of a clip's frames at one place, in limited range, with the times of the frames in milliseconds.
    private async Task<List<(int At, byte Y, byte U, byte V)>> SeenAsync(
        MediaFile file, double x, double y, int width = 64, int height = 48)
    {
        await using var source = FileSource.Open(file, width, height, _pool, keepShape: true);
        var seen = new List<(int, byte, byte, byte)>();
        while (await source.ReadAsync(Cancel) is { } frame)
        {
            using (frame)
            {
                int column = (int)(x * width), row = (int)(y * height), chroma = row / 2 * frame.StrideC + column / 2;
                seen.Add(((int)frame.Ticket.Captured.TotalMilliseconds, frame.Y[row * frame.StrideY + column], frame.U[chroma],
                    frame.V[chroma]));
            }
        }
        return seen;
    }

    private async Task<MediaFile> PackedAsync(string name)
    {
        Assert.True(PackedInput.Is(files[name]));
        await PackedInput.PackAsync(files[name], 10, files[name + ".packed"], 64 << 20, Cancel);
        return await MediaFile.OpenAsync(files[name + ".packed"], Cancel);
    }

    [Theory]
    [InlineData("png", 2, 1, 0)]
    [InlineData("webp", 3, 1, 1)]
    [InlineData("webp", 4, 0, 1)]
    [InlineData("png", 5, 0, 0)]
    [InlineData("png", 6, 1, 0)]
    [InlineData("webp", 6, 1, 0)]
    [InlineData("webp", 7, 1, 1)]
    [InlineData("png", 8, 0, 1)]
    public async Task Pictures_that_say_how_the_camera_was_held_are_upright(string ending, int orientation, int right, int below)
    {
        var name = $"held-{orientation}.{ending}";
        var flat = await files.MakeAsync($"flat-{orientation}-{ending}.png", "-f", "lavfi", "-i",
            "color=black:s=96x64,drawbox=0:0:48:32:white:fill", "-frames:v", "1", "-update", "1");
        if (ending == "png")
            File.Move(flat, files[name]);
        else
            await RunAsync("cwebp", "-quiet", flat, "-o", name);
        await RunAsync("exiftool", "-q", "-overwrite_original", "-n", $"-Orientation={orientation}", name);
        var file = await MediaFile.OpenAsync(files[name], Cancel);
        Assert.Equal(orientation < 5 ? (96, 64) : (64, 96), (file.Width, file.Height));
        Assert.Contains(file.Notes, n => n.Contains("as the file asks", StringComparison.Ordinal));
        foreach (var (x, y) in new[] { (0, 0), (1, 0), (0, 1), (1, 1) })
            Assert.Equal((x, y) == (right, below), (await SeenAsync(file, 0.2 + 0.6 * x, 0.2 + 0.6 * y, file.Width, file.Height))[0].Y
                > 128);
    }

    [Fact]
    public async Task An_animated_WebP_is_a_film_with_the_times_and_layers_of_its_parts()
    {
        foreach (var (name, colour, size) in new[] { ("gray", "gray", "64x48"), ("white", "white", "32x24"),
            ("clear", "white@0.0", "32x24"), ("black", "black", "16x16") })
        {
            await files.MakeAsync($"{name}.png", "-f", "lavfi", "-i", $"color={colour}:s={size},format=rgba", "-frames:v", "1",
                "-update", "1");
            await RunAsync("cwebp", "-quiet", "-lossless", $"{name}.png", "-o", $"{name}.webp");
        }
        // The whole canvas; a corner that is cleared again; transparent parts, blended and not; a small part in the other corner.
        await RunAsync("webpmux", "-frame", "gray.webp", "+100+0+0+0-b", "-frame", "white.webp", "+200+0+0+1+b", "-frame", "gray.webp",
            "+70+0+0+0-b", "-frame", "clear.webp", "+300+0+0+0+b",
            "-frame", "clear.webp", "+0+0+0+0-b", "-frame", "black.webp", "+500+48+32+0+b", "-o", "parts.webp");
        var file = await PackedAsync("parts.webp");
        Assert.Equal((64, 48, 6L, false), (file.Width, file.Height, file.Frames, file.IsPicture));
        // A part with a duration of zero is shown for a tenth of a second, as in browsers.
        Assert.Equal(1.27, file.Duration.TotalSeconds, 0.002);
        var corner = await SeenAsync(file, 0.2, 0.2);
        Assert.Equal([0, 100, 300, 370, 670, 770], corner.Select(c => c.At));
        foreach (var (seen, wanted) in corner.Zip(new[] { 126, 235, 126, 126, 16, 16 }))
            Assert.InRange(seen.Y, wanted - 3, wanted + 3);
        Assert.InRange((await SeenAsync(file, 0.9, 0.9))[^1].Y, 16, 18);
        Assert.InRange((await SeenAsync(file, 0.5, 0.9))[^1].Y, 123, 129);
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task What_gif2webp_and_img2webp_make_looks_as_what_it_was_made_of()
    {
        var gif = await files.MakeAsync("moving.gif", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.8");
        await RunAsync("gif2webp", "-quiet", "-mixed", "moving.gif", "-o", "from-gif.webp");
        Assert.Equal((await SeenAsync(await MediaFile.OpenAsync(gif, Cancel), 0.4, 0.6)).Select(s => s.At),
            (await SeenAsync(await PackedAsync("from-gif.webp"), 0.4, 0.6)).Select(s => s.At));
        await files.MakeAsync("step-%d.png", "-f", "lavfi", "-i", "color=black:s=64x48:r=10:d=0.4,format=gray,geq=lum='60+40*N'");
        await RunAsync("img2webp", "-lossy", "-d", "40", "step-1.png", "step-2.png", "-lossless", "step-3.png", "-d", "1000", "step-4.png",
            "-o", "steps.webp");
        var steps = await PackedAsync("steps.webp");
        Assert.Equal(1.12, steps.Duration.TotalSeconds, 0.002);
        Assert.Equal([0, 40, 80, 120], (await SeenAsync(steps, 0.5, 0.5)).Select(s => s.At));
        foreach (var (seen, wanted) in (await SeenAsync(steps, 0.5, 0.5)).Zip(new[] { 68, 102, 136, 171 }))
            Assert.InRange(seen.Y, wanted - 4, wanted + 4);
    }

    [Fact]
    public async Task A_WebP_that_is_damaged_or_grows_without_end_is_refused_in_words()
    {
        await files.MakeAsync("some.gif", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=10:d=1");
        await RunAsync("gif2webp", "-quiet", "some.gif", "-o", "some.webp");
        Assert.Contains("larger than the 0 MB",
            (await Assert.ThrowsAsync<MediaFileException>(() =>
            PackedInput.PackAsync(files["some.webp"], 10, files["grown"], 20_000, Cancel))).Message, StringComparison.Ordinal);
        var whole = await File.ReadAllBytesAsync(files["some.webp"], Cancel);
        await File.WriteAllBytesAsync(files["cut.webp"], whole[..^200], Cancel);
        var part = whole.AsSpan().IndexOf("ANMF"u8);
        whole[part + 8] = 0xFF;
        await File.WriteAllBytesAsync(files["outside.webp"], whole, Cancel);
        whole[part + 8] = 0;
        whole.AsSpan(part + 40, 60).Fill(0xAA);
        await File.WriteAllBytesAsync(files["broken.webp"], whole, Cancel);
        foreach (var (name, words) in new[] { ("cut.webp", "cut off or damaged"), ("outside.webp", "outside of its canvas"),
            ("broken.webp", "cannot be read") })
            Assert.Contains(words,
                (await Assert.ThrowsAsync<MediaFileException>(() =>
                PackedInput.PackAsync(files[name], 10, files["refused"], 64 << 20, Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_telephones_photograph_of_tiles_is_whole_and_upright()
    {
        await files.MakeAsync("scene.png", "-f", "lavfi", "-i", "color=black:s=640x480,drawbox=0:0:320:240:white:fill", "-frames:v", "1",
            "-update", "1");
        // The tools of Debian 12 write only one tile.
        string[] tiles = (await RunAsync("heif-enc", "--help")).Contains("--cut-tiles", StringComparison.Ordinal)
            ? ["--cut-tiles", "256"]
            : [];
        await RunAsync("heif-enc", [.. tiles, "scene.png", "-o", "scene.heic"]);
        // The container also says how the camera was held, and it takes precedence over EXIF.
        await RunAsync("exiftool", "-q", "-overwrite_original", "-n", "-Orientation=6", "scene.heic");
        var file = await PackedAsync("scene.heic");
        Assert.Equal((640, 480, true), (file.Width, file.Height, file.IsPicture));
        Assert.InRange((await SeenAsync(file, 0.3, 0.3))[0].Y, 225, 236);
        Assert.InRange((await SeenAsync(file, 0.8, 0.3))[0].Y, 15, 25);
        Assert.InRange((await SeenAsync(file, 0.3, 0.8))[0].Y, 15, 25);
        await File.WriteAllBytesAsync(files["broken.heic"], (await File.ReadAllBytesAsync(files["scene.heic"], Cancel))[..600], Cancel);
        Assert.Contains("broken.heic cannot be read",
            (await Assert.ThrowsAsync<MediaFileException>(() =>
            PackedInput.PackAsync(files["broken.heic"], 10, files["x.png"], 64 << 20, Cancel))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetDirectories(files.Folder, "*.heif"));
    }

    [Theory]
    [InlineData("png", "rgba")]
    [InlineData("jpg", "yuvj420p")]
    public async Task Pictures_of_other_sizes_in_a_series_keep_their_shape(string ending, string pixels)
    {
        var folder = Directory.CreateDirectory(files[$"series-{ending}"]).FullName;
        foreach (var (i, size) in new[] { "128x96", "96x128", "320x240", "200x40" }.Index())
            await files.MakeAsync(Path.Combine(folder, $"{i}.{ending}"), "-f", "lavfi", "-i", $"color=white:s={size}", "-frames:v", "1",
                "-update", "1", "-pix_fmt", pixels);
        await PackedInput.PackAsync(folder, 10, files[$"series-{ending}.mkv"], 64 << 20, Cancel);
        var file = await MediaFile.OpenAsync(files[$"series-{ending}.mkv"], Cancel);
        // At the middle, near the left edge and near the upper edge.
        foreach (var (x, y, white) in new[] { (0.5, 0.5, new[] { true, true, true, true }), (0.1, 0.5, [true, false, true, true]),
            (0.5, 0.1, [true, true, true, false]) })
            Assert.Equal(white, (await SeenAsync(file, x, y, 128, 96)).Select(s => s.Y > 200));
    }
}
