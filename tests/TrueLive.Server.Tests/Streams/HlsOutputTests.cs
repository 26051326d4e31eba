using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Media.Files;
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
        await _hls.WaitAsync(null, null, "viewer", Cancel);
        Assert.Contains("segment000000.m4s", LowLatency, StringComparison.Ordinal);
        var (reloaded, fetched) = (_hls.WaitAsync(1, 0, "viewer", Cancel), _hls.FindAsync(Announced, "viewer", Cancel));
        var next = _hls.WaitAsync(1, null, "viewer", Cancel);
        for (var i = 0; i < 10; i++)
        {
            Assert.False(reloaded.IsCompleted || fetched.IsCompleted);
            await made.PictureAsync(Frame, key: false);
        }
        await reloaded;
        Assert.NotNull(await fetched);
        Assert.Contains("#EXT-X-PART:DURATION=0.33300,URI=\"part000006.m4s\",INDEPENDENT=YES\n", LowLatency, StringComparison.Ordinal);
        // One that counts on more parts than the segment gets means the first of the next.
        var beyond = _hls.WaitAsync(1, 5, "viewer", Cancel);
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
        await _hls.WaitAsync(0, null, "viewer", Cancel);
        foreach (var (segment, part) in new (long, int?)[] { (3, null), (long.MaxValue, 0), (2, 10), (1, int.MaxValue) })
            Assert.Equal(400,
                (await Assert.ThrowsAsync<RequestRefusedException>(() => _hls.WaitAsync(segment, part, "viewer", Cancel))).Status);
        Task[] held = [.. Enumerable.Range(0, HlsOutput.MostHeldOfOne).Select(_ => _hls.WaitAsync(2, 9, "greedy", Cancel))];
        Assert.Equal(503, (await Assert.ThrowsAsync<RequestRefusedException>(() => _hls.WaitAsync(2, 9, "greedy", Cancel))).Status);
        var others = Enumerable.Range(held.Length, HlsOutput.MostHeld - held.Length);
        held = [.. held, .. others.Select(i => _hls.WaitAsync(2, 9, $"{i}", Cancel))];
        Assert.All(held, one => Assert.False(one.IsCompleted));
        Assert.Equal(503, (await Assert.ThrowsAsync<RequestRefusedException>(() => _hls.WaitAsync(2, 9, "viewer", Cancel))).Status);
        await _hls.WaitAsync(0, 0, "viewer", Cancel);
        _time.Advance(TimeSpan.FromSeconds(6.1));
        foreach (var one in held)
            Assert.Equal(503, (await Assert.ThrowsAsync<RequestRefusedException>(() => one)).Status);
        using var left = new CancellationTokenSource();
        var gone = _hls.WaitAsync(2, 9, "viewer", left.Token);
        await left.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => gone);
        await made.EndAsync();
    }

    [Fact]
    public async Task The_end_lets_all_go_that_wait_and_what_the_last_playlist_names_is_there_until_it_is_deleted()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.PictureAsync(Frame, key: true);
        await _hls.WaitAsync(0, null, "viewer", Cancel);
        await made.EndAsync();
        var (reloaded, fetched) = (_hls.WaitAsync(2, 0, "viewer", Cancel), _hls.FindAsync(Announced, "viewer", Cancel));
        Assert.False(reloaded.IsCompleted || fetched.IsCompleted);
        _hls.End();
        await reloaded;
        Assert.Null(await fetched);
        foreach (var list in new[] { LowLatency, _hls.Read(parts: false, "") })
        {
            Assert.EndsWith("#EXT-X-ENDLIST\n", list, StringComparison.Ordinal);
            foreach (Match named in Regex.Matches(list, @"(init|segment|part)\d+\.(mp4|m4s)"))
                Assert.NotEmpty(await ReadAsync(named.Value));
        }
        // One that is just being fetched is deleted.
        var found = (await _hls.FindAsync("segment000000.m4s", "viewer", Cancel))!;
        _hls.Delete();
        Assert.Null(found.Open());
        Assert.Empty(Files);
    }

    [Fact]
    public async Task Outputs_that_have_ended_can_be_had_for_a_while_and_none_is_kept_when_the_server_stops()
    {
        var (outputs, ended) = (new HlsOutputs(_time), new TaskCompletionSource());
        outputs.Add("session", "output", _hls, () => "made", ended.Task);
        outputs.Add("session", "other", new HlsOutput(new HlsFolder(new ServerOptions { DataFolder = _folder }, "session", "other"),
            TimeSpan.FromSeconds(2), _time), () => null, Task.CompletedTask);
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.EndAsync();
        _hls.End();
        ended.SetResult();
        Assert.Equal((_hls, "made"), (outputs.Find("session", "output")!.Value.Hls, outputs.Find("session", "output")!.Value.SourceType()));
        Assert.NotEmpty(await ReadAsync("segment000000.m4s"));
        Assert.Null(outputs.Find("session", "neither"));
        while (outputs.Find("session", "output") is not null || Files.Length > 0)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
        outputs.Add("session", "output", _hls, () => "made", new TaskCompletionSource().Task);
        outputs.Dispose();
        Assert.Null(outputs.Find("session", "output"));
    }

    [Fact]
    public async Task Files_that_a_killed_server_left_are_deleted_and_those_of_another_server_stay()
    {
        var left = Directory.CreateDirectory(Path.Combine(_folder, "hls", "session-left")).FullName;
        await File.WriteAllTextAsync(Path.Combine(left, "in-use"), "", Cancel);
        await File.WriteAllTextAsync(Path.Combine(left, "segment000000.m4s"), "left", Cancel);
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.EndAsync();
        HlsFolder.DeleteLeft(new ServerOptions { DataFolder = _folder });
        Assert.False(Directory.Exists(left));
        Assert.NotEmpty(await ReadAsync("segment000000.m4s"));
        _hls.Delete();
        Assert.Empty(Directory.EnumerateDirectories(Path.Combine(_folder, "hls")));
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
            Assert.True(Files.Length < 25, string.Join(' ', Files));
        }
        var list = _hls.Read(parts: false, "a.b+c");
        Assert.Contains("#EXT-X-MEDIA-SEQUENCE:24\n#EXT-X-DISCONTINUITY-SEQUENCE:11\n", list, StringComparison.Ordinal);
        Assert.Equal((3, 3, 6), (Regex.Count(list, "#EXT-X-DISCONTINUITY\n"), Regex.Count(list, "#EXT-X-MAP:URI=\"init1[234].mp4"),
            Regex.Count(list, "#EXTINF:2.00000")));
        Assert.All(list.Split('\n').Where(l => l.Contains(".m", StringComparison.Ordinal)),
            l => Assert.Contains("?token=a.b%2Bc", l, StringComparison.Ordinal));
        foreach (var name in new[] { "init12.mp4", "segment000029.m4s", "part000179.m4s" })
            Assert.True(File.Exists((await _hls.FindAsync(name, "viewer", Cancel))!.Path), name);
        foreach (var name in new[] { "init0.mp4", "segment000000.m4s", "part000000.m4s", "init99.mp4", "../link-key", "segment000029.mp4",
            "part999999999999.m4s" })
            Assert.Null(await _hls.FindAsync(name, "viewer", Cancel));
    }

    [Fact]
    public async Task The_target_stays_through_gaps_and_what_is_behind_one_begins_after_a_break()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        for (var gap = 0; gap < 20; gap++)
        {
            await SegmentAsync(made);
            // The machine stood still, or no key frame came in time: those without one are let go.
            await made.PictureAsync(TimeSpan.FromSeconds(30), key: true);
            for (var i = 0; i < gap; i++)
                await made.PictureAsync(Frame, key: false);
        }
        await SegmentAsync(made);
        await SegmentAsync(made);
        await made.EndAsync();
        var list = LowLatency;
        Assert.Equal(2, Number(list, "#EXT-X-TARGETDURATION:"));
        Assert.All(Regex.Matches(list, "#EXTINF:([0-9.]+)"), m => Assert.InRange(Number(m), 0.001, 2.499));
        Assert.Contains("#EXTINF:0.35000,\n", list, StringComparison.Ordinal);
        Assert.Matches("#EXTINF:0.35000,\nsegment000039.m4s\n#EXT-X-DISCONTINUITY\n(.*\n)*segment000041.m4s\n", list);
        Assert.True(Files.Length < 25, string.Join(' ', Files));
        foreach (Match part in Regex.Matches(list, "#EXT-X-PART:.*"))
            Assert.InRange(Number(part.Value, "DURATION="), 0.001, 0.35);
    }

    [Theory]
    [InlineData(60, 60, 0)]
    [InlineData(30, 30, 0)]
    [InlineData(5, 5, 0)]
    [InlineData(8, 8, 30)]
    [InlineData(11, 11, 5)]
    [InlineData(13, 13, 10)]
    [InlineData(3.4, 30, 20)]
    [InlineData(3.1, 200, 0)]
    public async Task Parts_last_85_percent_of_their_target_at_any_pace_and_make_up_their_segment(
        double slowest, double fastest, int jitter)
    {
        var (made, random) = (new MadeFlv(_hls), new Random(4));
        await made.HeadAsync();
        var (since, parts) = (double.MaxValue, 0);
        for (var i = 0; i < 600; i++)
        {
            // It goes from one pace to the other at any time.
            var pace = random.Next(4) == 0 ? slowest : fastest;
            var ms = Math.Max(1, 1000 / pace + random.Next(-jitter, jitter + 1));
            var key = since + ms > 2000;
            since = key ? ms : since + ms;
            await made.PictureAsync(TimeSpan.FromMilliseconds(ms), key);
        }
        await made.EndAsync();
        foreach (Match segment in Regex.Matches(LowLatency, @"((?:#EXT-X-PART:.*\n)+)#EXTINF:([0-9.]+)"))
        {
            var (each, whole) = (segment.Groups[1].Value.TrimEnd().Split('\n'), Number(segment.Value, "#EXTINF:"));
            Assert.InRange(each.Sum(p => Number(p, "DURATION=")), whole - 0.0001, whole + 0.0001);
            Assert.All(each, p => Assert.InRange(Number(p, "DURATION="), 0.001, 0.35));
            foreach (var inner in each[..^1].Where(p => !p.Contains("INDEPENDENT", StringComparison.Ordinal)))
            {
                Assert.InRange(Number(inner, "DURATION="), 0.85 * 0.35, 0.35);
                parts++;
            }
        }
        Assert.True(parts > 5, $"{parts} parts");
    }

    [Fact]
    public async Task Pictures_of_one_moment_stay_in_their_segment()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        for (var segment = 0; segment < 3; segment++)
        {
            for (var i = 0; i < 60; i++)
                await made.PictureAsync(Frame, key: i == 0, bytes: 100);
            // It comes in the same millisecond as the next key frame.
            await made.PictureAsync(TimeSpan.Zero, key: false, bytes: 7777);
        }
        await made.EndAsync();
        for (var segment = 0; segment < 3; segment++)
            Assert.InRange((await ReadAsync($"segment00000{segment}.m4s")).Length, 60 * 105 + 7777, 60 * 105 + 7777 + 3000);
    }

    [Fact]
    public async Task A_child_whose_clock_leaps_is_refused_and_the_next_one_begins_a_segment_of_its_own()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await SegmentAsync(made);
        await made.PictureAsync(TimeSpan.FromDays(2), key: false);
        await made.PictureAsync(Frame, key: true);
        await Assert.ThrowsAsync<MediaFileException>(made.EndAsync);
        made = new MadeFlv(_hls);
        await made.HeadAsync();
        await SegmentAsync(made);
        await made.EndAsync();
        Assert.Matches("segment000001.m4s\n#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"init1.mp4\"\n(.*\n)+segment000002.m4s\n", LowLatency);
    }

    [Fact]
    public async Task Sound_is_at_its_time_behind_a_gap()
    {
        var made = new MadeFlv(_hls);
        await made.HeadAsync();
        await made.SoundAsync();
        await made.PictureAsync(TimeSpan.FromMilliseconds(30), key: true);
        await made.PictureAsync(TimeSpan.FromMilliseconds(32), key: true);
        await made.SoundAsync();
        await made.EndAsync();
        var segment = await ReadAsync("segment000001.m4s");
        var times = new List<long>();
        for (var at = 0; (at = segment.AsSpan(at).IndexOf("tfdt"u8) is var next and >= 0 ? at + next + 4 : -1) > 0;)
            times.Add(BinaryPrimitives.ReadInt64BigEndian(segment.AsSpan(at + 4)));
        Assert.Equal([30, 62 * 48], times);
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
        var piece = (await _hls.FindAsync(name, "viewer", Cancel))!;
        await using var file = piece.Open()!;
        var bytes = new byte[piece.Length ?? file.Length];
        await file.ReadExactlyAsync(bytes, Cancel);
        return bytes;
    }

    private static double Number(string list, string tag) => Number(Regex.Match(list, tag + "([0-9.]+)"));

    private static double Number(Match match) => double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture);
}
