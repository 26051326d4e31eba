using System.Collections.Immutable;

namespace TrueLive.Core.Models;

/// <summary>The kind of values that a parameter takes.</summary>
public enum ParameterKind
{
    /// <summary>A number within bounds.</summary>
    Number,

    /// <summary>One of a list of words.</summary>
    Choice,

    /// <summary>On or off.</summary>
    Flag,

    /// <summary>Any text.</summary>
    Text,

    /// <summary>A picture.</summary>
    Image,
}

/// <summary>Something that a model lets its user set beside the prompt.</summary>
/// <param name="Id">Short name, unique within the model: <c>[a-z0-9_]{1,64}</c>.</param>
/// <param name="Title">Display name.</param>
/// <param name="Kind">The kind of values that it takes.</param>
public sealed record ModelParameter(string Id, string Title, ParameterKind Kind)
{
    /// <summary>Value in force until one is set, as text; null for none.</summary>
    public string? Default { get; init; }

    /// <summary>Smallest number.</summary>
    public double? Min { get; init; }

    /// <summary>Largest number.</summary>
    public double? Max { get; init; }

    /// <summary>Distance between two numbers; null for any.</summary>
    public double? Step { get; init; }

    /// <summary>The words of a choice.</summary>
    public ImmutableArray<string> Choices { get; init; } = [];

    /// <summary>Whether a change takes effect with the next step; otherwise a change resets the memory.</summary>
    public bool Live { get; init; } = true;
}
