using System.Diagnostics;
using TrueLive.Media.Files;
using TrueLive.Probe.Features;
using TrueLive.Probe.Recordings;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Tests.Recordings;

/// <summary>Files from strangers, made by a real ffmpeg.</summary>
public sealed class RecordingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("probe-record-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [InlineData("empty")]
    [InlineData("corrupt")]
    [InlineData("audio only")]
    public async Task A_file_without_video_is_a_clear_error(string kind)
    {
        var path = Path.Combine(_folder, "x.mp4");
        if (kind == "empty")
            await File.WriteAllBytesAsync(path, [], TestContext.Current.CancellationToken);
        else if (kind == "corrupt")
            await File.WriteAllBytesAsync(path, [.. Enumerable.Range(0, 5000).Select(k => (byte)(k * 37))], TestContext.Current.CancellationToken);
        else
            Make("-f lavfi -i sine=duration=2 -c:a aac", path);
        var error = await Assert.ThrowsAsync<MediaFileException>(() => RecordingAnalysis.ReadAsync(path, TestContext.Current.CancellationToken));
        Assert.Contains("x.mp4", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.04 -frames:v 1", "one.mp4")]
    [InlineData("-f lavfi -i testsrc2=size=7680x4320:rate=5:duration=0.6 -c:v libx264 -preset ultrafast -crf 40", "big.mp4")]
    [InlineData("-f lavfi -i testsrc2=size=320x180:rate=30:duration=6 -vf select='not(mod(n\\,7))+lt(n\\,40)' -fps_mode vfr", "uneven.mkv")]
    public async Task A_strange_file_is_read_and_judged_no_further_than_it_goes(string arguments, string name)
    {
        var seen = await RecordingAnalysis.ReadAsync(Make(arguments, Path.Combine(_folder, name)), TestContext.Current.CancellationToken);
        Assert.True(seen.Count >= 1);
        var (_, verdict) = RecordingAnalysis.Output(seen);
        Assert.Equal(TierLabel.NotProven, verdict.Tier);
        Assert.Contains("E1", verdict.Sentence, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_cut_short_gives_what_it_holds_or_a_clear_error()
    {
        var path = Make("-f lavfi -i testsrc2=size=320x180:rate=25:duration=8 -c:v libx264", Path.Combine(_folder, "cut.mkv"));
        using (var file = File.OpenWrite(path))
            file.SetLength(file.Length / 2);
        var seen = await RecordingAnalysis.ReadAsync(path, TestContext.Current.CancellationToken);
        Assert.InRange(seen.Count, 10, 199);
    }

    [Fact]
    public void A_loop_is_found_in_the_output_alone_and_a_stream_is_never_proven_by_it()
    {
        var loop = Play("loop");
        Assert.Equal(TierLabel.Replay, RecordingAnalysis.Output(loop.Seen).Verdict.Tier);
        var stream = Play("stream");
        Assert.Equal(TierLabel.NotProven, RecordingAnalysis.Output(stream.Seen).Verdict.Tier);
    }

    [Fact]
    public void Two_recordings_that_share_too_little_are_not_judged()
    {
        var seen = Play("stream", 12).Seen;
        var (_, verdict) = RecordingAnalysis.Pair(seen, seen, 1, TestContext.Current.CancellationToken);
        Assert.Equal(TierLabel.NotProven, verdict.Tier);
        Assert.Contains("at least 30 s", verdict.Sentence, StringComparison.Ordinal);
    }

    private static (StimulusPlan Plan, Observation Seen) Play(string system, double seconds = 40)
    {
        using var run = new SimulatedRun(SimulatedSystem.All.First(s => s.Name == system), "relief", ProbeSeed.From("recording " + system));
        run.Plan.Append(PhaseKind.Fast, seconds);
        run.Advance(TestContext.Current.CancellationToken);
        return (run.Plan, run.Seen);
    }

    private static string Make(string arguments, string path)
    {
        using var ffmpeg = Process.Start("ffmpeg", ["-v", "error", "-y", .. arguments.Split(' '), path]);
        ffmpeg.WaitForExit();
        Assert.Equal(0, ffmpeg.ExitCode);
        return path;
    }
}
