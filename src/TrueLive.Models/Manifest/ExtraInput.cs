using System.Globalization;
using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Models.Manifest;

/// <summary>A further input filled with one number, which users may set where it has a title.</summary>
/// <param name="Name">Name in the graph.</param>
/// <param name="Value">The number, or what it is until one is set.</param>
/// <param name="Title">Display name; null keeps the number as it is.</param>
/// <param name="Min">Smallest number that may be set.</param>
/// <param name="Max">Largest number that may be set.</param>
/// <param name="Step">Distance between two of them; null for any.</param>
public sealed partial record ExtraInput(string Name, float Value, string? Title = null, float Min = 0, float Max = 1, float? Step = null)
{
    /// <summary>What its user may set; null without a title.</summary>
    internal ModelParameter? Parameter => Title is null ? null : new ModelParameter(Name, Title, ParameterKind.Number)
    {
        Default = Value.ToString("R", CultureInfo.InvariantCulture),
        Min = Math.Round(Min, 6),
        Max = Math.Round(Max, 6),
        Step = Step is { } step ? Math.Round(step, 6) : null,
    };

    internal bool IsRight =>
        Name is { Length: > 0 } && float.IsFinite(Value) && (Title is null || (IsParameterId(Name) && Title.Length is > 0 and <= 100
        && float.IsFinite(Min) && float.IsFinite(Max) && Min <= Value && Value <= Max && Step is null or (> 0 and < 1e6f)));

    internal static bool IsParameterId(string? name) => name is not null && ParameterId().IsMatch(name);

    [GeneratedRegex("^[a-z0-9_]{1,64}$")]
    private static partial Regex ParameterId();
}
