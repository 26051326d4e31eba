using System.Globalization;
using TrueLive.Core.Models;

namespace TrueLive.Models.Tests.Prompts;

/// <summary>A prompt with the answers that are right; balanced.tsv says how they are written.</summary>
internal sealed record PromptCase(string Kind, bool Served, string[] Answers, string Text)
{
    public static PromptCase[] Load(string file) => [.. File.ReadLines(
        Path.Combine(Repository.Root, "tests", "TrueLive.Models.Tests", "Prompts", file)).Where(l => !l.StartsWith('#'))
        .Select(l => l.Split('\t')).Select(c => new PromptCase(c[0], c[1] == "yes", c[2].Split(" | "), c[3]))];

    public bool IsRight(PromptReading reading) => Answers.Any(a => Fits(a.Split(' '), reading));

    /// <summary>Whether the picture stays as it is and a note says why.</summary>
    public static bool IsHonest(PromptReading reading) => Keeps(reading) && reading.Note is not null;

    private static bool Keeps(PromptReading reading) => reading.Looks is [{ Look: "identity" }] && reading.Adjustments.IsEmpty;

    private static bool Fits(string[] answer, PromptReading reading)
    {
        var adjustments = answer.Where(a => a.Contains('+', StringComparison.Ordinal) || IsMinus(a)).ToArray();
        var look = answer.Except(adjustments).FirstOrDefault(a => a is not ("told" or "keep"));
        return (!answer.Contains("told") || reading.Note is not null)
            && (!answer.Contains("keep") || Keeps(reading))
            && reading.Looks[0].Look == (look ?? "identity")
            && reading.Adjustments.Length == adjustments.Length
            && adjustments.All(a => reading.Adjustments.Any(found => Fits(a, found)));
    }

    // Looks have a hyphen in their names, too.
    private static bool IsMinus(string answer) => Enum.GetNames<AdjustmentKind>()
        .Any(k => answer.StartsWith(k + "-", StringComparison.OrdinalIgnoreCase));

    private static bool Fits(string wanted, Adjustment found)
    {
        var at = wanted.IndexOfAny(['+', '-']);
        var amount = found.Amount * (wanted[at] == '-' ? -1 : 1);
        return wanted[..at].Equals(found.Kind.ToString(), StringComparison.OrdinalIgnoreCase) && amount > 0 && wanted[(at + 1)..] switch
        {
            "" => true,
            "small" => amount < 0.25f,
            "large" => amount > 0.25f,
            var percent => Math.Abs(amount * 100 - float.Parse(percent, CultureInfo.InvariantCulture)) < 0.5f,
        };
    }
}
