using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>When a test may end before all its re-draws are made.</summary>
internal enum Stopping
{
    /// <summary>Never: the distribution of p itself is studied.</summary>
    Never,

    /// <summary>When no p can become small any more; the p that is left is valid.</summary>
    WhenHopeless,

    /// <summary>Also when all is so far from the null that a model of its tail is enough: for simulations.</summary>
    WhenClear,
}

/// <summary>The statistics of one code: what was sent, or a re-draw. Also tells when more re-draws could change no rule.</summary>
internal sealed record FastStatistics(double Joint, double[] Families, double[] Channels, double Acausal)
{
    /// <summary>By channel, along the path that all the others take.</summary>
    public double[] Together { get; init; } = [];

    /// <summary>More re-draws could change no rule.</summary>
    public static bool Enough(Stopping stop, FastStatistics sent, Span<FastStatistics> redraws) =>
        stop != Stopping.Never && NothingThere(sent, redraws) || stop == Stopping.WhenClear && BeyondDoubt(sent, redraws);

    /// <summary>Joint, region and one more family are so far from their null that more re-draws could not change a rule.</summary>
    private static bool BeyondDoubt(FastStatistics sent, Span<FastStatistics> redraws)
    {
        var drawn = redraws.ToArray();
        var families = Enumerable.Range(0, 4).Select(f => NullTest.Of(sent.Families[f], [.. drawn.Select(r => r.Families[f])]).Z).ToArray();
        // A family whose answer is still uncertain could show that the others have another lag.
        return NullTest.Of(sent.Joint, [.. drawn.Select(r => r.Joint)]).Z > 15 && families[(int)Family.Region] > NullTest.SurelyZ
            && NullTest.Of(sent.Together[(int)Channel.R], [.. drawn.Select(r => r.Together[(int)Channel.R])]).Z is < 2 or > NullTest.SurelyZ
            && families.Count(z => z > NullTest.SurelyZ) >= 2
            && families[(int)Family.Luma] is < 2 or > NullTest.SurelyZ && families[(int)Family.Motion] is < 2 or > NullTest.SurelyZ;
    }

    /// <summary>
    /// At least ten re-draws at or above the statistic in every test of a rule: no p can become small any more (Besag and Clifford 1991).
    /// </summary>
    private static bool NothingThere(FastStatistics sent, Span<FastStatistics> redraws)
    {
        Span<int> above = stackalloc int[6];
        foreach (var drawn in redraws)
        {
            above[0] += drawn.Joint >= sent.Joint ? 1 : 0;
            above[1] += drawn.Acausal >= sent.Acausal ? 1 : 0;
            for (var f = 0; f < 4; f++)
                above[2 + f] += drawn.Families[f] >= sent.Families[f] ? 1 : 0;
        }
        return System.Numerics.Tensors.TensorPrimitives.Min<int>(above) >= 10;
    }

    /// <summary>Numbers of re-draws after which to check whether to stop.</summary>
    public static IEnumerable<int> Stops(int redraws)
    {
        for (var at = 64; at < redraws; at *= 2)
            yield return at;
        yield return redraws;
    }
}
