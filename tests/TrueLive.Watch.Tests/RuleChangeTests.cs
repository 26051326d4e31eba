using CsCheck;

namespace TrueLive.Watch.Tests;

/// <summary>When a rule counts as broken, and as met again.</summary>
public sealed class RuleChangeTests
{
    [Theory]
    // P passes, F fails, I is inconclusive; b breaks the rule, m meets it again.
    [InlineData("PPFFFFPPP", "---b---m-", 2)]
    [InlineData("PFPFPFPF", "--------", 2)]
    [InlineData("PFIFIIPIP", "---b----m", 2)]
    [InlineData("FFFF", "----", 2)]
    [InlineData("IIFFPFF", "------b", 2)]
    [InlineData("PFP", "-bm", 1)]
    [InlineData("PFFFPFFF", "---b----", 3)]
    public void A_rule_changes_when_enough_results_in_a_row_say_so(string results, string changes, int after)
    {
        IReadOnlyList<RuleState> states = [];
        var seen = "";
        foreach (var result in results)
        {
            var change = RuleChange.Of(states, [Result("PFI".IndexOf(result, StringComparison.Ordinal))], all: false, after);
            states = change.States;
            seen += change.Broken.Count > 0 ? 'b' : change.MetAgain.Count > 0 ? 'm' : '-';
        }
        Assert.Equal(changes, seen);
    }

    [Fact]
    public void Messages_take_turns_and_never_come_more_often_than_the_rule_allows() =>
        Gen.Select(Gen.Int[0, 2].Array[0, 60], Gen.Int[1, 4]).Sample((results, after) =>
        {
            IReadOnlyList<RuleState> states = [];
            var (broken, again) = (0, 0);
            foreach (var result in results)
            {
                var change = RuleChange.Of(states, [Result(result)], all: true, after);
                states = change.States;
                (broken, again) = (broken + change.Broken.Count, again + change.MetAgain.Count);
                Assert.InRange(broken - again, 0, 1);
            }
            Assert.True((broken + again) * after <= results.Length);
        });

    [Fact]
    public void Rules_that_a_run_did_not_try_keep_their_state()
    {
        var before = RuleChange.Of([], [Measured.Passed("a"), Measured.Passed("b")], all: true, 1).States;
        var change = RuleChange.Of(before, [Measured.Failed("b")], all: false, 1);
        Assert.Equal([new RuleState("a", true, 0), new RuleState("b", false, 0)], change.States);
        Assert.Equal("b", Assert.Single(change.Broken).Rule);
    }

    [Fact]
    public void A_rule_that_the_requirement_has_no_more_is_forgotten_also_when_it_was_broken()
    {
        var before = RuleChange.Of(RuleChange.Of([], [Measured.Passed("a")], all: true, 1).States, [Measured.Failed("a")], all: true, 1);
        Assert.False(Assert.Single(before.States).Met);
        var change = RuleChange.Of(before.States, [Measured.Passed("b"), new RuleResult("c", "INCONCLUSIVE", "")], all: true, 1);
        Assert.Equal([new RuleState("b", true, 0)], change.States);
    }

    private static RuleResult Result(int kind) => new("r", kind switch { 0 => "PASS", 1 => "FAIL", _ => "INCONCLUSIVE" }, "");
}
