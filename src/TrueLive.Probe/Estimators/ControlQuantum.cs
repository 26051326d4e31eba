namespace TrueLive.Probe.Estimators;

/// <summary>How coarsely a system lets new conditions take effect.</summary>
/// <param name="Seconds">The period; NaN when unresolved.</param>
/// <param name="Low">Lower end of the 95 % interval.</param>
/// <param name="High">Upper end.</param>
/// <param name="Method">"lock" (response times share a phase) or "spread" (of the delays).</param>
/// <param name="LockP">p of the phase lock.</param>
/// <param name="N">Number of responses.</param>
public readonly record struct Quantum(double Seconds, double Low, double High, string Method, double LockP, int N)
{
    /// <summary>Too few responses.</summary>
    public static Quantum None(int n) => new(double.NaN, double.NaN, double.NaN, "unresolved", 1, n);
}

/// <summary>Finds the control quantum Q from event delays.</summary>
internal static class ControlQuantum
{
    private const int Permutations = 400;

    /// <summary>
    /// A quantised system answers at times that share a phase modulo its period and with delays spread evenly over it; a stream
    /// answers after a constant delay. Needs eight responses.
    /// </summary>
    public static Quantum Measure(IReadOnlyList<EventResponse> events, Random random)
    {
        var answered = events.Where(e => !double.IsNaN(e.Delay)).ToArray();
        if (answered.Length < 8)
            return Quantum.None(answered.Length);
        var delays = answered.Select(e => e.Delay).Order().ToArray();
        var spread = Spread(delays);
        var bootstrap = new double[500];
        var draw = new double[delays.Length];
        for (var b = 0; b < bootstrap.Length; b++)
        {
            for (var k = 0; k < draw.Length; k++)
                draw[k] = delays[random.Next(delays.Length)];
            Array.Sort(draw);
            bootstrap[b] = Spread(draw);
        }
        Array.Sort(bootstrap);
        var byeSpread = new Quantum(spread, bootstrap[12], bootstrap[487], "spread", 1, answered.Length);
        if (spread < 0.1)
            return byeSpread;

        var periods = new List<double>();
        for (var period = 0.3; period <= 12; period *= 1.006)
            periods.Add(period);
        var sent = answered.Select(e => e.Sent).ToArray();
        var actual = answered.Select(e => e.Delay).ToArray();
        var floor = periods.Select(t => Coherence(sent, null, t)).ToArray();
        var score = new double[periods.Count];
        for (var k = 0; k < score.Length; k++)
            score[k] = Coherence(sent, actual, periods[k]) - floor[k];
        var top = score.Max();
        var atLeast = 1;
        for (var b = 0; b < Permutations; b++)
        {
            random.Shuffle(actual);
            var best = double.MinValue;
            for (var k = 0; k < score.Length; k += 2)
                best = Math.Max(best, Coherence(sent, actual, periods[k]) - floor[k]);
            atLeast += best >= top ? 1 : 0;
        }
        var p = (double)atLeast / (Permutations + 1);
        // Sub-harmonics of the true period lock as well: the longest that locks nearly as well is the period.
        var longest = -1;
        for (var k = score.Length - 1; k >= 0 && longest < 0; k--)
        {
            if (score[k] >= 0.9 * top && periods[k] / spread is > 0.6 and < 1.7)
                longest = k;
        }
        if (p > 0.05 || longest < 0)
            return byeSpread with { LockP = p };
        // The search enters a peak from its long side: move on to its top.
        while (longest > 0 && score[longest - 1] >= score[longest])
            longest--;
        return new Quantum(periods[longest], periods[longest] * 0.98, periods[longest] * 1.02, "lock", p, answered.Length);
    }

    /// <summary>(q90 - q10) / 0.8: the width of an even spread.</summary>
    private static double Spread(double[] sorted) => (Intervals.Quantile(sorted, 0.9) - Intervals.Quantile(sorted, 0.1)) / 0.8;

    private static double Coherence(double[] sent, double[]? delay, double period)
    {
        var (re, im) = (0.0, 0.0);
        for (var k = 0; k < sent.Length; k++)
        {
            var phase = 2 * Math.PI * (sent[k] + (delay?[k] ?? 0)) / period;
            re += Math.Cos(phase);
            im += Math.Sin(phase);
        }
        return Math.Sqrt(re * re + im * im) / sent.Length;
    }
}
