namespace TrueLive.Core.Models;

/// <summary>What an <see cref="Adjustment"/> changes.</summary>
public enum AdjustmentKind
{
    /// <summary>Positive is brighter.</summary>
    Brightness,

    /// <summary>Positive is more contrast.</summary>
    Contrast,

    /// <summary>Positive is more saturated; -1 is without colour.</summary>
    Saturation,

    /// <summary>Positive is warmer.</summary>
    Warmth,

    /// <summary>Positive is sharper.</summary>
    Sharpness,
}

/// <summary>A change of the finished picture that a prompt asks for, beside the looks.</summary>
/// <param name="Kind">What is changed.</param>
/// <param name="Amount">-1..1; 0.2 is 20 %.</param>
public readonly record struct Adjustment(AdjustmentKind Kind, float Amount);
