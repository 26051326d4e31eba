using CsCheck;
using TrueLive.Core.Frames;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Tests.Stimuli;

public sealed class CodeTests
{
    private static readonly Gen<ProbeSeed> Seeds = Gen.Int.Select(n => ProbeSeed.From($"property {n}"));

    [Fact]
    public void The_same_seed_gives_the_same_codes_and_another_seed_gives_others() =>
        Gen.Select(Seeds, Gen.Enum<Channel>()).Sample((seed, channel) =>
    {
        Assert.Equal(Draw(seed, channel), Draw(ProbeSeed.From(seed.Hex), channel));
        Assert.NotEqual(Draw(seed, channel), Draw(ProbeSeed.From(seed.Hex + "x"), channel));
    }, iter: 40);

    [Fact]
    public void Chips_hold_their_length_never_run_longer_than_five_and_are_balanced() =>
        Gen.Select(Seeds, Gen.Enum<Channel>()).Sample((seed, channel) =>
    {
        var code = Draw(seed, channel);
        Assert.All(code, v => Assert.True(v is 1 or -1));
        var chip = CodeLaw.ChipFrames(channel);
        if (chip == 0)
            return;
        var run = 0;
        for (var k = 0; k < code.Length; k++)
        {
            run = k > 0 && code[k] == code[k - 1] ? run + 1 : 1;
            Assert.True(run <= 5 * chip);
            Assert.True(k == 0 || k % chip == 0 || code[k] == code[k - 1]);
        }
        Assert.InRange(code.Average(), -5 * Math.Sqrt(chip / 9000.0), 5 * Math.Sqrt(chip / 9000.0));
    }, iter: 40);

    [Fact]
    public void The_commitment_hides_the_seed_and_binds_seed_and_configuration()
    {
        var seed = ProbeSeed.From("a secret");
        var commitment = seed.Commit("quick");
        Assert.StartsWith("sha256:", commitment, StringComparison.Ordinal);
        Assert.DoesNotContain(seed.Hex, commitment, StringComparison.Ordinal);
        Assert.NotEqual(commitment, seed.Commit("standard"));
        Assert.NotEqual(commitment, ProbeSeed.From("another").Commit("quick"));
        Assert.NotEqual(ProbeSeed.Create().Hex, ProbeSeed.Create().Hex);
    }

    [Fact]
    public void The_mean_light_of_the_balance_channel_does_not_change()
    {
        var seed = ProbeSeed.From("mean");
        var renderer = new StimulusRenderer(seed, Picture.AnalysisWidth, Picture.AnalysisHeight, 1);
        var picture = Picture.ForAnalysis();
        var plan = new StimulusPlan(seed);
        plan.Append(PhaseKind.Warmup, 1);
        double[] mean = new double[2];
        foreach (var sign in new[] { 0, 1 })
        {
            var codes = new sbyte[7];
            codes[(int)Channel.R] = (sbyte)(2 * sign - 1);
            renderer.Draw(plan.Frames[10] with { Codes = codes }, 10, picture);
            mean[sign] = picture.Y.Average();
        }
        Assert.InRange(mean[1] / mean[0], 0.95, 1.05);
    }

    [Theory]
    [InlineData(384, 216)]
    [InlineData(640, 360)]
    [InlineData(854, 480)]
    [Trait("Run", "long")]
    public void A_frame_is_the_same_picture_at_every_size(int width, int height)
    {
        var pool = new FramePool("sizes");
        foreach (var name in new[] { "one", "two", "three", "four" })
        {
            var plan = new StimulusPlan(ProbeSeed.From(name));
            plan.Append(PhaseKind.Fast, 8);
            var small = Seen(name, Picture.AnalysisWidth, Picture.AnalysisHeight);
            Assert.InRange(Apart(small, Seen(name, width, height)), 0, 3);
            Assert.InRange(Apart(small, Seen(name + " else", width, height)), 8, 255);

            byte[] Seen(string seed, int w, int h)
            {
                var drawn = new Picture(w, h);
                new StimulusRenderer(ProbeSeed.From(seed), w, h, 1).Draw(plan.Frames[200], 200, drawn);
                using var frame = pool.Rent(w, h);
                PictureFrames.Write(drawn, frame);
                var seen = Picture.ForAnalysis();
                PictureFrames.Read(frame, seen);
                return Observation.Bytes(seen);
            }
        }

        static double Apart(byte[] a, byte[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Average();
    }

    private static float[] Draw(ProbeSeed seed, Channel channel)
    {
        var code = new float[9000];
        CodeLaw.Draw(channel, seed.Stream($"test/{channel}"), code);
        return code;
    }
}
