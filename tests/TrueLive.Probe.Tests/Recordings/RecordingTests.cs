using System.Diagnostics;
using TrueLive.Media.Files;
using TrueLive.Probe.Estimators;
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
            await File.WriteAllBytesAsync(path, [.. Enumerable.Range(0, 5000).Select(k => (byte)(k * 37))],
                TestContext.Current.CancellationToken);
        else
            Make("-f lavfi -i sine=duration=2 -c:a aac", path);
        var error = await Assert.ThrowsAsync<MediaFileException>(() =>
            RecordingAnalysis.ReadAsync(path, TestContext.Current.CancellationToken));
        Assert.Contains("x.mp4", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("-f lavfi -i testsrc2=size=320x180:rate=25:duration=0.04 -frames:v 1", "one.mp4")]
    [InlineData("-f lavfi -i testsrc2=size=7680x4320:rate=5:duration=0.6 -c:v libx264 -preset ultrafast -crf 40", "big.mp4",
        Traits = ["Run", "full"])]
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

    [Theory]
    [InlineData("relief", 0.05)]
    [InlineData("edge", 0.3)]
    [InlineData("ink", 0.8)]
    public void A_minute_of_a_live_system_is_called_so_with_its_delay(string look, double delay)
    {
        var (input, output) = Recorded(delay, look, 60);
        var (found, verdict) = RecordingAnalysis.Pair(input, output, 2, TestContext.Current.CancellationToken);
        Assert.True(verdict.Sentence.StartsWith("TIER 3 BEHAVIOUR", StringComparison.Ordinal), verdict.Sentence);
        Assert.InRange(found.D50.Value, delay - 0.04, delay + 0.08);
    }

    [Fact]
    public void A_minute_against_itself_answers_at_once_and_far_beyond_the_limit()
    {
        var (input, _) = Recorded(0.1, "relief", 60);
        var (found, verdict) = RecordingAnalysis.Pair(input, input, 2, TestContext.Current.CancellationToken);
        Assert.True(found.Fast.Joint.Z > 2 * RecordingAnalysis.LeastZ, verdict.Sentence);
        Assert.InRange(found.D50.Value, -0.01, 0.01);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(60)]
    [InlineData(220)]
    public void No_shifted_copy_meets_a_lag_that_is_searched(int seconds)
    {
        var length = seconds * CodeLaw.Rate;
        for (var k = 0; k < 199; k++)
        {
            var (shift, backwards) = RecordedCodes.Place(new CodeDraw("redraw", k), length);
            for (var lag = LagSearch.FirstLag; !backwards && lag < LagSearch.FirstLag + LagSearch.Lags; lag++)
            {
                Assert.False(lag + shift < LagSearch.FirstLag + LagSearch.Lags, $"shift {shift}, lag {lag}");
                Assert.False(lag + shift - length >= LagSearch.FirstLag, $"shift {shift}, lag {lag}, wrapped");
            }
        }
    }

    [Trait("Run", "full")]
    [Fact]
    public void P_of_recordings_is_uniform_when_the_output_has_nothing_to_do_with_the_input()
    {
        var values = Enumerable.Range(0, 24).AsParallel().WithDegreeOfParallelism(2).Select(k =>
        {
            var test = RecordedCodes.Test(Recorded(0.1, "relief", 40, $"one {k}").Input, Recorded(0.1, "ink", 40, $"other {k}").Output, 1,
                TestContext.Current.CancellationToken).Joint;
            return test.P - new Random(k).NextDouble() / (test.K + 1);
        }).ToArray();
        Assert.True(NullRuns.Uniformity(values).P > 0.01,
            string.Join(" ", values.Order().Select(v => v.ToString("0.000", System.Globalization.CultureInfo.InvariantCulture))));
    }

    [Fact]
    public async Task A_track_that_begins_late_keeps_its_start()
    {
        const string Scene = "-f lavfi -i testsrc2=size=160x90:rate=30:duration=4";
        var late = Make($"-itsoffset 0.5 {Scene} -f lavfi -i anullsrc=r=48000:cl=mono -t 4 -c:v libx264 -c:a libopus",
            Path.Combine(_folder, "late.mkv"));
        var seen = await RecordingAnalysis.ReadAsync(late, TestContext.Current.CancellationToken);
        Assert.InRange(seen.Times[0], 0.49, 0.51);
        Assert.InRange((await RecordingAnalysis.ReadAsync(Make(Scene, Path.Combine(_folder, "prompt.mkv")),
            TestContext.Current.CancellationToken)).Times[0], -0.001, 0.001);
    }

    [Fact]
    [Trait("Run", "full")]
    public async Task A_minute_of_a_street_restyled_by_ffmpeg_is_called_live_and_another_minute_of_it_is_not()
    {
        const string Street = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";
        Assert.SkipUnless(File.Exists(Street), "opencv-doc is not installed");
        var input = await RecordingAnalysis.ReadAsync(Make($"-i {Street} -t 60 -c:v libx264 -preset ultrafast",
            Path.Combine(_folder, "street.mkv")), TestContext.Current.CancellationToken);
        var drawn = await RecordingAnalysis.ReadAsync(Make($"-itsoffset 0.4 -i {Street} -t 60 -vf edgedetect -c:v libx264 " +
            "-preset ultrafast", Path.Combine(_folder, "drawn.mkv")), TestContext.Current.CancellationToken);
        var other = await RecordingAnalysis.ReadAsync(Make($"-ss 40 -i {Street} -vf edgedetect -c:v libx264 -preset ultrafast",
            Path.Combine(_folder, "other.mkv")), TestContext.Current.CancellationToken);
        var (found, verdict) = RecordingAnalysis.Pair(input, drawn, 2, TestContext.Current.CancellationToken);
        Assert.True(verdict.Sentence.StartsWith("TIER 3 BEHAVIOUR", StringComparison.Ordinal), verdict.Sentence);
        Assert.InRange(found.D50.Value, 0.36, 0.44);
        var wrong = RecordingAnalysis.Pair(input, other, 2, TestContext.Current.CancellationToken).Verdict.Sentence;
        Assert.True(wrong.StartsWith("NOT PROVEN", StringComparison.Ordinal), wrong);
    }

    [Fact]
    public void Recordings_that_do_not_overlap_say_where_each_lies()
    {
        var (input, output) = Recorded(0.1, "relief", 40);
        var moved = new Observation();
        for (var i = 0; i < output.Count; i++)
            moved.Restore(output.Times[i] + 1000, output.Features(i), output.Change[i], output.Midpoint[i]);
        Assert.Contains("1000.", RecordingAnalysis.Pair(input, moved, 1, TestContext.Current.CancellationToken).Verdict.Sentence,
            StringComparison.Ordinal);
    }

    /// <summary>What a camera records (light, pan and cuts that are no codes of the probe) and what a system makes of it.</summary>
    private static (Observation Input, Observation Output) Recorded(double delay, string look, double seconds, string seed = "camera")
    {
        using var run = new SimulatedRun(SimulatedSystem.StreamOf(delay), look, ProbeSeed.From($"recording {seed} {look} {delay}"));
        run.Plan.Append(PhaseKind.Fast, seconds);
        run.Advance(TestContext.Current.CancellationToken);
        var (input, picture) = (new Observation(), Picture.ForAnalysis());
        var renderer = new StimulusRenderer(run.Plan.Seed, Picture.AnalysisWidth, Picture.AnalysisHeight);
        for (var j = 0; j < run.Plan.Frames.Count; j++)
        {
            renderer.Draw(run.Plan.Frames[j], j, picture);
            input.Add(j * SimulatedInput.Step, picture);
        }
        return (input, run.Seen);
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
