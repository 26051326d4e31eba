using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>A statistic against its own re-draws.</summary>
/// <param name="P">(1 + re-draws at or above) / (K + 1).</param>
/// <param name="Z">Distance from the re-draws' mean in their standard deviations.</param>
/// <param name="K">Re-draws made.</param>
public readonly record struct NullTest(double P, double Z, int K)
{
    /// <summary>Nothing was tested.</summary>
    public static NullTest None => new(1, 0, 0);

    /// <summary>
    /// The p-value used in rules: the exact one, except in a short test (K below 999) where no re-draw reached the statistic and z is at
    /// least 12: a Gumbel tail then replaces the smallest p that K allows. At a smaller z the null's tail can be heavier than any model (z
    /// of 5.7 has occurred by chance).
    /// </summary>
    public double ForRules => K == 0 ? 1 : P > 1.5 / (K + 1) || K >= 999 || Z < SurelyZ ? P : Math.Min(P, GumbelTail(Z));

    internal const double SurelyZ = 12;

    /// <summary>From a statistic and its re-draws.</summary>
    public static NullTest Of(double statistic, ReadOnlySpan<double> redraws)
    {
        if (redraws.Length == 0)
            return None;
        var (above, sum, square) = (0, 0.0, 0.0);
        foreach (var value in redraws)
        {
            above += value >= statistic ? 1 : 0;
            sum += value;
            square += value * value;
        }
        var mean = sum / redraws.Length;
        var deviation = Math.Sqrt(Math.Max(0, square / redraws.Length - mean * mean));
        // A null without spread (all features dead) proves nothing, whatever the statistic.
        var z = (statistic - mean) / Math.Max(deviation, 0.01 + 0.02 * Math.Abs(mean));
        return new NullTest((1.0 + above) / (redraws.Length + 1), z, redraws.Length);
    }

    private static double GumbelTail(double z) => 1 - Math.Exp(-Math.Exp(-(1.28255 * z + 0.57722)));
}

/// <summary>One window of the lag path.</summary>
/// <param name="Time">Middle of the window on the output clock, seconds.</param>
/// <param name="Lag">Delay, seconds.</param>
/// <param name="Score">Joint score.</param>
/// <param name="Locked">Whether the score is above the null's 95 % quantile.</param>
public readonly record struct LagWindow(double Time, double Lag, double Score, bool Locked);

/// <summary>What the fast phase shows: dependence, families, channels, lag over time.</summary>
public sealed record FastFindings
{
    /// <summary>Joint test at the selected rate, all channels.</summary>
    public NullTest Joint { get; init; } = NullTest.None;

    /// <summary>By family, in the order of <see cref="Family"/>; not yet corrected for four tests.</summary>
    public NullTest[] Families { get; init; } = [NullTest.None, NullTest.None, NullTest.None, NullTest.None];

    /// <summary>By channel, in the order of <see cref="Channel"/>.</summary>
    public NullTest[] Channels { get; init; } = [];

    /// <summary>The same statistic at lags that would need chips not yet sent.</summary>
    public NullTest Acausal { get; init; } = NullTest.None;

    /// <summary>Median delay of each channel's own path, seconds; NaN where p is above 0.01.</summary>
    public double[] ChannelDelay { get; init; } = [];

    /// <summary>Median delay of each family's own path, seconds; NaN where p is above 0.01.</summary>
    public double[] FamilyDelay { get; init; } = [];

    /// <summary>
    /// Median lag of each family's own path with its interval over windows half a length apart, seconds, less the growth at
    /// <see cref="Kappa"/>.
    /// </summary>
    public Estimate[] FamilyLag { get; init; } = [];

    /// <summary>The same by channel.</summary>
    public Estimate[] ChannelLag { get; init; } = [];

    /// <summary>The same for all channels together.</summary>
    public Estimate JointLag { get; init; } = Estimate.None;

    /// <summary>By channel, for those with chips of at most 200 ms: the score along the path that all the other channels take.</summary>
    public NullTest[] Together { get; init; } = [];

    /// <summary>
    /// Whether a channel answers at the lags of all the others: p at most 0.01 after Bonferroni's correction for four channels.
    /// </summary>
    public bool AnswersTogether(Channel channel) => Together.Length > 0 && Together[(int)channel].ForRules * 4 <= 0.01;

    /// <summary>
    /// Whether a lag is resolved, that is, its interval is narrow; any other lag cannot be compared with another channel's.
    /// </summary>
    public static bool Resolved(Estimate lag) => lag.Measured && lag.High - lag.Low <= Math.Max(0.25, 0.25 * lag.Value);

    /// <summary>Content-clock rate: 0 when the output keeps up, 0.13 when it falls 13 % behind.</summary>
    public double Kappa { get; init; }

    /// <summary>Delay over time.</summary>
    public LagWindow[] Path { get; init; } = [];

    /// <summary>Share of usable windows that are locked.</summary>
    public double Lock { get; init; }

    /// <summary>Number of usable windows, as if they did not overlap.</summary>
    public double LockWindows { get; init; }

    /// <summary>Length of the windows of <see cref="Lock"/>, seconds.</summary>
    public double WindowSeconds { get; init; }

    /// <summary>Joint statistics of the re-draws, for the plot of the null.</summary>
    public double[] Redraws { get; init; } = [];

    /// <summary>The joint statistic of what was sent.</summary>
    public double Statistic { get; init; }

    /// <summary>Joint score by window and lag (every second lag), for the heat map; windows x <see cref="HeatLags"/>.</summary>
    public float[] Heat { get; init; } = [];

    /// <summary>Lags per row of <see cref="Heat"/>.</summary>
    public int HeatLags { get; init; }
}
