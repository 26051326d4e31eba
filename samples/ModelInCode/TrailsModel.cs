using System.Collections.Immutable;
using TrueLive.Core.Models;

namespace TrueLive.Samples.ModelInCode;

/// <summary>Bright things leave trails of light, as in a long exposure.</summary>
public sealed class TrailsModel : IVideoModel
{
    // Share of a trail that remains one frame later, for each look.
    private static readonly ImmutableDictionary<string, float> Kept = ImmutableDictionary.CreateRange(StringComparer.OrdinalIgnoreCase,
        [KeyValuePair.Create("short", 0.8f), KeyValuePair.Create("long", 0.97f)]);

    public ModelInfo Info { get; } = new(
        "trails", "1", "Trails", "Bright things leave trails of light behind them.", TakesPrompt: true, HasMemory: true,
        new ModelSizes(MinSide: 16, MaxSide: 4096, Multiple: 2),
        [new LookInfo("short", "Short", "Trails that fade at once."), new LookInfo("long", "Long", "Trails that stay for seconds.")]);

    // Called on any thread with whatever a user types; returns what was understood and must not throw.
    public PromptReading Read(string text)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        var look = words.LastOrDefault(Kept.ContainsKey)?.ToLowerInvariant();
        ImmutableArray<string> unknown = [.. words.Where(w => !Kept.ContainsKey(w))];
        if (words.Length == 0)
            return PromptReading.Empty;
        return look is null
            ? new PromptReading(Understood: false, Confidence: 0, [], unknown, [], "Trails are 'short' or 'long'.")
            : new PromptReading(Understood: true, Confidence: 1, [new LookWeight(look, 1)], unknown, Style: [Kept[look]], Note: null);
    }

    public IModelSession CreateSession(int width, int height) => new TrailsSession(this, width, height);

    public void Dispose()
    {
    }
}
