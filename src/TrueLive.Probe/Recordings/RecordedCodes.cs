using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Recordings;

/// <summary>
/// The test of the fast phase with the input's own light, colour, motion and scenes in place of codes. Re-draws are the same signals
/// shifted around the recording by more than every lag that is searched, and the same signals backwards: neither can match at the true lag.
/// </summary>
internal static class RecordedCodes
{
    /// <summary>Least length in seconds.</summary>
    public const double LeastSeconds = 30;

    /// <summary>Re-draws K.</summary>
    public const int Redraws = 199;

    private const int Auxiliary = 16;
    private const double WindowSeconds = 5;

    /// <summary>Where two recordings overlap on their common clock, seconds.</summary>
    public static (double From, double To) Overlap(Observation input, Observation output) => input.Count == 0 || output.Count == 0
        ? (0, 0)
        : (Math.Max(input.Times[0], output.Times[0]), Math.Min(input.Times[^1], output.Times[^1]));

    /// <summary>Runs the test; the recordings must share <see cref="LeastSeconds"/>.</summary>
    public static FastFindings Test(Observation input, Observation output, int threads, CancellationToken cancel)
    {
        var (from, to) = Overlap(input, output);
        var length = (int)((to - from) * CodeLaw.Rate);
        var sent = ChannelReadouts.From(Timeline.Resample(input, Timeline.DeBurst(input.Times), from, length, CodeLaw.Rate));
        var answers = ChannelReadouts.From(Timeline.Resample(output, Timeline.DeBurst(output.Times), from, length, CodeLaw.Rate));
        var codes = Enumerable.Range(0, sent.Length).Select(c => Levelled(sent[c][c == (int)Channel.C ? 1 : 0])).ToArray();
        // Only what natural video carries: light, balance, colour, motion and scene; object and pattern codes exist only in the stimulus.
        float[][]?[] readouts = [answers[0], answers[1], answers[2], answers[3], null, answers[5], null];
        return new FastTest(readouts, Fill, from, WindowSeconds).Run(Redraws, threads, Stopping.Never, cancel);

        void Fill(int channel, CodeDraw? draw, float[] code)
        {
            var signal = codes[channel];
            var (shift, backwards) = draw is { } d ? Place(d, length) : (0, false);
            for (var g = 0; g < code.Length; g++)
                code[g] = signal[backwards ? (length + shift - 1 - g) % length : (g + shift) % length];
        }
    }

    /// <summary>
    /// Scales a signal to the unit strength of a code, window by window: the search leaves out lags at which too little code overlaps, and
    /// natural light and motion come in bursts. Quiet parts are amplified at most ten times as much as the whole.
    /// </summary>
    private static float[] Levelled(float[] signal)
    {
        var half = (int)(WindowSeconds * CodeLaw.Rate / 2);
        var sums = new double[signal.Length + 1];
        for (var g = 0; g < signal.Length; g++)
            sums[g + 1] = sums[g] + signal[g] * signal[g];
        var least = 0.01 * sums[^1] / signal.Length;
        var levelled = new float[signal.Length];
        for (var g = 0; g < signal.Length && sums[^1] > 0; g++)
        {
            var (a, b) = (Math.Max(0, g - half), Math.Min(signal.Length, g + half + 1));
            levelled[g] = (float)(signal[g] / Math.Sqrt(Math.Max(least, (sums[b] - sums[a]) / (b - a))));
        }
        return levelled;
    }

    /// <summary>
    /// The shift and direction of a re-draw. A shift by s puts an answer with lag D at D + s, and at D + s less the length where it wraps
    /// round: both must stay outside the lags searched, whatever D is.
    /// </summary>
    internal static (int Shift, bool Backwards) Place(CodeDraw draw, int length)
    {
        const int Longest = LagSearch.Lags + LagSearch.FirstLag;
        var room = length - 2 * Longest - 2 * -LagSearch.FirstLag;
        var (at, count) = draw.Kind == "auxiliary" ? (draw.Number + 0.5, Auxiliary) : (draw.Number, Redraws);
        var backwards = draw.Number % 2 == 0 || room < Longest;
        return backwards ? ((int)(length * at / count), true) : (Longest - LagSearch.FirstLag + (int)(room * at / count), false);
    }
}
