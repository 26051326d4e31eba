using TrueLive.Core.Clips;
using TrueLive.Core.Models;

namespace TrueLive.Server.Clips;

/// <summary>Values of a model's parameters that a client asks for with a clip: a schedule, or a seed alone.</summary>
public static class ClipValues
{
    /// <summary>
    /// Says what is wrong with the values; null when they can be used, and then <paramref name="values"/> is their schedule, or null for
    /// none.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="text">The schedule.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="pictures">Pictures that a value may name.</param>
    /// <param name="values">The schedule.</param>
    public static string? Refuse(IVideoModel model, string? text, long? seed, IReadOnlyList<ReferencePicture> pictures, out string? values)
    {
        values = string.IsNullOrWhiteSpace(text) ? null : text;
        if (seed is not null && !model.Info.Parameters.Any(p => p.Id == "seed"))
            return $"{model.Info.Title} has no randomness, so seed would change nothing. Leave it out.";
        if (seed is not null && values is not null)
            return "Give the seed among values, as in 'seed=7', and leave seed out.";
        values = seed is { } number ? $"seed={number}" : values;
        return values is null || ValueSchedule.TryParse(values, model.Info.Parameters, out _, out var error, pictures) ? null : error;
    }
}
