using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Models.Manifest;

/// <summary>What users may set of a model with a command, beside the prompt.</summary>
/// <param name="Id">Short name, by which the program asks for the value.</param>
/// <param name="Title">Display name.</param>
/// <param name="Kind">A number, a choice, a flag or a text.</param>
/// <param name="Default">Value until one is set: a number, a text, or true or false.</param>
/// <param name="Min">Smallest number.</param>
/// <param name="Max">Largest number.</param>
/// <param name="Step">Distance between two numbers; null for any.</param>
/// <param name="Choices">The words of a choice.</param>
/// <param name="Live">A change takes effect with the next step; otherwise the model's memory begins anew with it.</param>
public sealed partial record ParameterSpec(
    string Id, string Title, ParameterKind Kind, JsonElement Default,
    double? Min = null, double? Max = null, double? Step = null, string[]? Choices = null, bool Live = true)
{
    private const int MaxChoices = 64;

    internal ModelParameter Parameter => new(Id, Title, Kind)
    {
        Default = Text,
        Min = Min,
        Max = Max,
        Step = Step,
        Choices = [.. Choices ?? []],
        Live = Live,
    };

    /// <summary>The first rule that the fields break; null when they are right.</summary>
    internal string? Broken =>
        Id is null || !ParameterId().IsMatch(Id) ? "has an id that is not 1 to 64 of a-z, 0-9 and _"
        : Title is not { Length: > 0 and <= 100 } ? "needs a title of at most 100 characters"
        : !Enum.IsDefined(Kind) || Kind == ParameterKind.Image ? "has a kind that is none of number, choice, flag and text"
        : Kind == ParameterKind.Choice != Choices is not null ? "has choices without being a choice, or is one without them"
        : Choices is { } words && (words.Length is 0 or > MaxChoices || words.Distinct().Count() != words.Length
        || words.Any(w => !IsText(w)))
            ? $"needs 1 to {MaxChoices} different choices, each a text as one may set"
        : Kind != ParameterKind.Number && (Min ?? Max ?? Step) is not null ? "has min, max or step without being a number"
        : Min > Max || Step <= 0 || new[] { Min, Max, Step }.Any(n => n is { } number && !double.IsFinite(number))
        ? "needs min <= max and a step above 0"
        : !ParameterValues.None.TrySet([Parameter], [new(Id, Text)], out _, out var wrong) ? $"has a default that cannot be set: {wrong}"
        : null;

    private string Text
    {
        get
        {
            try
            {
                return Default.ValueKind switch
                {
                    JsonValueKind.String => Default.GetString()!,
                    JsonValueKind.Number => Default.GetDouble().ToString("R", CultureInfo.InvariantCulture),
                    JsonValueKind.True => "true",
                    JsonValueKind.False => "false",
                    _ => "\0",
                };
            }
            catch (InvalidOperationException)
            {
                // No Unicode.
                return "\0";
            }
        }
    }

    private static bool IsText(string? word) =>
        word is { Length: > 0 } && ParameterValues.None.TrySet([new ModelParameter("choice", "", ParameterKind.Text)],
            [new("choice", word)], out _, out _);

    [GeneratedRegex("^[a-z0-9_]{1,64}$")]
    private static partial Regex ParameterId();
}
