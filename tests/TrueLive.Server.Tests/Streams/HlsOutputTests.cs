using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams.Hls;

namespace TrueLive.Server.Tests.Streams;

/// <summary>Playlists, parts and requests that wait, over pictures that a test makes.</summary>
public sealed class HlsOutputTests : IDisposable
{
    private static readonly TimeSpan Frame = TimeSpan.FromSeconds(1 / 30.0);

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-hls-").FullName;
    private readonly FakeTimeProvider _time = new();
    private readonly HlsOutput _hls;

    public HlsOutputTests() => _hls = new HlsOutput(
        new HlsFolder(new ServerOptions { DataFolder = _folder }, "session", "output"), TimeSpan.FromSeconds(2), _time);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string LowLatency => _hls.Read(parts: true, "");

    private string[] Files => [.. Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Select(f => Path.GetFileName(f)!)];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task No_part_and_no_segment_is_longer_than_promised_and_parts_make_up_their_segment(int seed)
    {
        var (made, random) = (new MadeFlv(_hls), new Random(seed));
        await made.HeadAsync();
        for (var (i, since) = (0, TimeSpan.Zero); i < 400; i++)
        {
            // One picture in fifty stays for longer than a part may last.
            var duration = TimeSpan.FromMilliseconds(random.Next(50) == 0 ? 700 : random.Next(5, 120));
            var key = i == 0 || since + duration > TimeSpan.FromSeconds(2);
            since = key ? duration : since + duration;
            await made.PictureAsync(duration, key, random.Next(1, 3000));
            await made.SoundAsync();
        }
        await made.EndAsync();
        var list = LowLatency;
        var target = Number(list, "#EXT-X-TARGETDURATION:");
        Assert.Equal(2, target);
        Assert.All(Regex.Matches(list, "#EXT-X-PART:DURATION=([0-9.]+)"), m => Assert.InRange(Number(m), 0.001, 0.35));
        Assert.All(Regex.Matches(list, "#EXTINF:([0-9.]+)"), m => Assert.InRange(Math.Round(Number(m)), 0, target));
        Assert.InRange(Regex.Count(list, "#EXTINF"), 6, 12);
        foreach (Match segment in Regex.Matches(list, @"((?:#EXT-X-PART:.*\n)+)#EXTINF:.*\n(segment\d+\.m4s)"))
        {
            var whole = await ReadAsync(segment.Groups[2].Value);
            var parts = await Task.WhenAll(Regex.Matches(segment.Groups[1].Value, @"part\d+\.m4s").Select(p => ReadAsync(p.Value)));
            Assert.Equal(whole, parts.SelectMany(p => p).ToArray());
            Assert.Matches("^#EXT-X-PART:[^\n]*INDEPENDENT=YES\n", segment.Groups[1].Value);
        }
        Assert.DoesNotContain("PART", _hls.Read(parts: false, ""), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_waits_for_its_part_and_for_the_part_that_is_announced()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.PictureAsync(Frame, key: true);
        await _hls.WaitAsync(null, null, Cancel);
        Assert.Contains("segment000000.m4s", LowLatency, StringComparison.Ordinal);
        var (reloaded, fetched, next) = (_hls.WaitAsync(1, 0, Cancel), _hls.FindAsync(Announced, Cancel), _hls.WaitAsync(1, null, Cancel));
        for (var i = 0; i < 10; i++)
        {
            Assert.False(reloaded.IsCompleted || fetched.IsCompleted);
            await made.PictureAsync(Frame, key: false);
        }
        await reloaded;
        Assert.NotNull(await fetched);
        Assert.Contains("#EXT-X-PART:DURATION=0.33300,URI=\"part000006.m4s\",INDEPENDENT=YES\n", LowLatency, StringComparison.Ordinal);
        // One that counts on more parts than the segment gets means the first of the next.
        var beyond = _hls.WaitAsync(1, 5, Cancel);
        await made.PictureAsync(Frame, key: true);
        await next;
        Assert.False(beyond.IsCompleted);
        await SegmentAsync(made, begun: true);
        await beyond;
        await made.EndAsync();
    }

    [Fact]
    public async Task Requests_too_far_ahead_and_too_many_are_refused_and_none_waits_for_ever()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.PictureAsync(Frame, key: true);
        await _hls.WaitAsync(0, null, Cancel);
        foreach (var (segment, part) in new (long, int?)[] { (3, null), (long.MaxValue, 0), (2, 10), (1, int.MaxValue) })
            Assert.Equal(400, (await Assert.ThrowsAsync<RequestRefusedException>(() => _hls.WaitAsync(segment, part, Cancel))).Status);
        var held = Enumerable.Range(0, HlsOutput.MostHeld).Select(_ => _hls.WaitAsync(2, 9, Cancel)).ToArray();
        Assert.Equal(503, (await Assert.ThrowsAsync<RequestRefusedException>(() => _hls.WaitAsync(2, 9, Cancel))).Status);
        await _hls.WaitAsync(0, 0, Cancel);
        _time.Advance(TimeSpan.FromSeconds(6.1));
        foreach (var one in held)
            Assert.Equal(503, (await Assert.ThrowsAsync<RequestRefusedException>(() => one)).Status);
        using var left = new CancellationTokenSource();
        var gone = _hls.WaitAsync(2, 9, left.Token);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await made.EndAsync();
    }

    [Fact]
    public async Task The_end_lets_all_go_that_wait_and_leaves_no_file()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.PictureAsync(Frame, key: true);
        await _hls.WaitAsync(0, null, Cancel);
        var (reloaded, fetched) = (_hls.WaitAsync(2, 0, Cancel), _hls.FindAsync("part000099.m4s", Cancel));
        await made.EndAsync();
        Assert.NotEmpty(Files);
        _hls.End();
        await reloaded;
        Assert.Null(await fetched);
        Assert.EndsWith("#EXT-X-ENDLIST\n", LowLatency, StringComparison.Ordinal);
        Assert.Empty(Files);
        Assert.Null(await _hls.FindAsync("segment000000.m4s", Cancel));
    }

    [Fact]
    public async Task Another_child_goes_on_after_a_break_with_a_head_of_its_own_and_files_that_nobody_needs_are_deleted()
    {
        for (var child = 0; child < 15; child++)
        {
            var made = new MadeFlv(_hls);
            await made.HeadAsync();
            await SegmentAsync(made);
            await SegmentAsync(made);
            await made.EndAsync();
            Assert.True(Files.Length < 20, string.Join(' ', Files));
        }
        var list = _hls.Read(parts: false, "a.b+c");
        Assert.Contains("#EXT-X-MEDIA-SEQUENCE:24\n#EXT-X-DISCONTINUITY-SEQUENCE:11\n", list, StringComparison.Ordinal);
        Assert.Equal((3, 3, 6), (Regex.Count(list, "#EXT-X-DISCONTINUITY\n"), Regex.Count(list, "#EXT-X-MAP:URI=\"init1[234].mp4"),
            Regex.Count(list, "#EXTINF:2.00000")));
        Assert.All(list.Split('\n').Where(l => l.Contains(".m", StringComparison.Ordinal)),
            l => Assert.Contains("?token=a.b%2Bc", l, StringComparison.Ordinal));
        foreach (var name in new[] { "init12.mp4", "segment000029.m4s", "part000179.m4s" })
            Assert.True(File.Exists((await _hls.FindAsync(name, Cancel))!.Path), name);
        foreach (var name in new[] { "init0.mp4", "segment000000.m4s", "part000000.m4s", "init99.mp4", "../link-key", "segment000029.mp4",
            "part999999999999.m4s" })
            Assert.Null(await _hls.FindAsync(name, Cancel));
    }

    private string Announced => Regex.Match(LowLatency, "PRELOAD-HINT:TYPE=PART,URI=\"(.*)\"").Groups[1].Value;

    // Two seconds of 30 pictures a second: six parts.
    private static async Task SegmentAsync(MadeFlv made, bool begun = false)
    {
        for (var i = begun ? 1 : 0; i < 60; i++)
            await made.PictureAsync(Frame, key: i == 0);
    }

    private async Task<byte[]> ReadAsync(string name)
    {
        var piece = (await _hls.FindAsync(name, Cancel))!;
        var file = await File.ReadAllBytesAsync(piece.Path, Cancel);
        return piece.Length is { } length ? file.AsSpan((int)piece.Start, (int)length).ToArray() : file;
    }

    private static double Number(string list, string tag) => Number(Regex.Match(list, tag + "([0-9.]+)"));

    private static double Number(Match match) => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
}
