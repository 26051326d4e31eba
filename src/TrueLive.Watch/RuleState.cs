namespace TrueLive.Watch;

/// <summary>Where a rule stands.</summary>
/// <param name="Rule">The rule as written.</param>
/// <param name="Met">Whether it is met; null as long as it has never been.</param>
/// <param name="Against">Results in a row that say otherwise.</param>
public sealed record RuleState(string Rule, bool? Met, int Against);

/// <summary>What a run changed.</summary>
/// <param name="States">All rules after it.</param>
/// <param name="Broken">Rules that were met and are met no more.</param>
/// <param name="MetAgain">Rules that had been broken and are met again.</param>
public sealed record RuleChange(IReadOnlyList<RuleState> States, IReadOnlyList<RuleResult> Broken, IReadOnlyList<RuleResult> MetAgain)
{
    /// <summary>
    /// A rule changes its state when so many results in a row say so, which keeps a system at the edge from flooding its watchers. An
    /// inconclusive result neither counts nor interrupts. A rule that has never been met cannot be broken.
    /// </summary>
    /// <param name="before">Where the rules stood.</param>
    /// <param name="results">How they came out.</param>
    /// <param name="all">Whether these are all rules; others are forgotten then, for the requirement has them no more.</param>
    /// <param name="after">Results in a row that change a state.</param>
    public static RuleChange Of(IReadOnlyList<RuleState> before, IReadOnlyList<RuleResult> results, bool all, int after)
    {
        var states = before.Where(s => !all || results.Any(r => r.Rule == s.Rule)).ToDictionary(s => s.Rule);
        var (broken, again) = (new List<RuleResult>(), new List<RuleResult>());
        foreach (var result in results.Where(r => r.Result is "PASS" or "FAIL"))
        {
            var passed = result.Result == "PASS";
            var state = states.GetValueOrDefault(result.Rule) ?? new RuleState(result.Rule, null, 0);
            if (state.Met is not { } met)
                states[result.Rule] = state with { Met = passed ? true : null };
            else if (met == passed)
                states[result.Rule] = state with { Against = 0 };
            else if (state.Against + 1 < after)
                states[result.Rule] = state with { Against = state.Against + 1 };
            else
            {
                states[result.Rule] = state with { Met = passed, Against = 0 };
                (passed ? again : broken).Add(result);
            }
        }
        return new RuleChange([.. states.Values.OrderBy(s => s.Rule, StringComparer.Ordinal)], broken, again);
    }
}
