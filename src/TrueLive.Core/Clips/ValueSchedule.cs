using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>
/// Values of a model's parameters over the time of a clip, written as <c>0s seed=5; 3.5s guidance=full style="a b"</c>: entries as in a
/// <see cref="PromptSchedule"/>, each with the values that change there; the others keep theirs.
/// </summary>
public static partial class ValueSchedule
{
    /// <summary>Reads a schedule for a model. On failure <paramref name="error"/> says what is wrong and what is allowed.</summary>
    /// <param name="text">The schedule; null for an empty one.</param>
    /// <param name="declared">What the model declares.</param>
    /// <param name="values">The values in force from each moment on.</param>
    /// <param name="error">What is wrong.</param>
    /// <param name="pictures">Pictures that a value may name; null for none.</param>
    public static bool TryParse(
        string? text, IReadOnlyList<ModelParameter> declared,
        out ImmutableArray<(TimeSpan At, ParameterValues Values)> values, [NotNullWhen(false)] out string? error,
        IReadOnlyList<ReferencePicture>? pictures = null)
    {
        values = [];
        if (!PromptSchedule.TryParse(text ?? "", out var schedule, out error))
            return false;
        var (now, all) = (ParameterValues.None, ImmutableArray.CreateBuilder<(TimeSpan, ParameterValues)>());
        foreach (var cue in schedule.Cues)
        {
            if (!Whole().IsMatch(cue.Text))
            {
                error = $"'{(cue.Text.Length > 40 ? cue.Text[..40] + "..." : cue.Text)}' holds no values. Write them as 'seed=5 " +
                    "guidance=full'.";
                return false;
            }
            var given = Pair().Matches(cue.Text).Select(m =>
                KeyValuePair.Create(m.Groups[1].Value, m.Groups[2].Success ? m.Groups[2].Value : m.Groups[3].Value));
            if (!now.TrySet(declared, given, out now!, out error, pictures))
                return false;
            all.Add((cue.At, now));
        }
        values = all.ToImmutable();
        error = null;
        return true;
    }

    /// <summary>Prompts with the values in force at each moment; revisions count anew from 1.</summary>
    public static ImmutableArray<(TimeSpan At, Prompt Prompt)> Over(
        ImmutableArray<(TimeSpan At, Prompt Prompt)> prompts, ImmutableArray<(TimeSpan At, ParameterValues Values)> values)
    {
        if (values.All(v => v.Values.Equals(ParameterValues.None)))
            return prompts;
        return
        [
            .. prompts.Select(p => p.At).Union(values.Select(v => v.At)).Order()
            .Select((at, i) => (at, PromptSchedule.PromptAt(prompts, at) with
            {
                Revision = i + 1, Values = values.Last(v => v.At <= at).Values,
            })),
        ];
    }

    [GeneratedRegex("""^\s*(?:[a-z0-9_]{1,64}=(?:"[^"]*"|[^\s"]+)(?:\s+|$))*$""", RegexOptions.NonBacktracking)]
    private static partial Regex Whole();

    [GeneratedRegex("""([a-z0-9_]{1,64})=(?:"([^"]*)"|([^\s"]+))""")]
    private static partial Regex Pair();
}
