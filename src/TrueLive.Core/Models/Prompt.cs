using System.Collections.Immutable;

namespace TrueLive.Core.Models;

/// <summary>
/// What the model is asked for: immutable, behind one reference, read once per step. A change is a new prompt with a higher
/// revision.
/// </summary>
/// <param name="Revision">Counts from 0 within a session; stamped on every frame that the prompt made.</param>
/// <param name="Text">As the user wrote it.</param>
/// <param name="Strength">0 keeps the picture, 1 is the full look.</param>
/// <param name="Transition">Time over which the old look turns into the new one; zero is a cut.</param>
/// <param name="Reading">What the model understood.</param>
public sealed record Prompt(long Revision, string Text, float Strength, TimeSpan Transition, PromptReading Reading)
{
    /// <summary>Values of the model's parameters; they share the prompt's revision.</summary>
    public ParameterValues Values { get; init; } = ParameterValues.None;

    /// <summary>The default transition.</summary>
    public static readonly TimeSpan DefaultTransition = TimeSpan.FromMilliseconds(300);

    /// <summary>Longest text taken, in characters.</summary>
    public const int MaxLength = 500;

    /// <summary>The prompt of a session that was given none: keeps the picture.</summary>
    public static Prompt None { get; } = new(0, "", 1, TimeSpan.Zero, PromptReading.Empty);
}

/// <summary>A look and how much of it.</summary>
/// <param name="Look">Look id of the model.</param>
/// <param name="Weight">Share; negative pushes away from the look.</param>
public readonly record struct LookWeight(string Look, float Weight);

/// <summary>What a model understood of a text, reported to the user. Never a guess presented as an answer.</summary>
/// <param name="Understood">False when the text means nothing to the model; the picture is then kept.</param>
/// <param name="Confidence">0..1: how close the text is to what the model knows.</param>
/// <param name="Looks">The looks chosen, strongest first.</param>
/// <param name="UnknownWords">Words that carried no meaning for the model.</param>
/// <param name="Style">Conditioning vector for the model at full strength; empty for a model without text.</param>
/// <param name="Note">A sentence for the user when there is something to say, else null.</param>
public sealed record PromptReading(
    bool Understood,
    float Confidence,
    ImmutableArray<LookWeight> Looks,
    ImmutableArray<string> UnknownWords,
    ImmutableArray<float> Style,
    string? Note)
{
    /// <summary>Changes of the finished picture, at most one of each kind.</summary>
    public ImmutableArray<Adjustment> Adjustments { get; init; } = [];

    /// <summary>Where the text asks for the look, and what elsewhere; null where it does not say.</summary>
    public KeepMask? Mask { get; init; }

    /// <summary>How much of a palette the text asks for, 0..1; null where it does not say.</summary>
    public float? Palette { get; init; }

    /// <summary>The reading of no text at all.</summary>
    public static PromptReading Empty { get; } = new(true, 1, [], [], [], null);
}
