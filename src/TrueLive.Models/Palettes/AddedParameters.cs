using TrueLive.Core.Models;

namespace TrueLive.Models.Palettes;

/// <summary>What a model says of itself, and the parameters of what is put around it.</summary>
internal sealed class AddedParameters(IVideoModel model, IReadOnlyList<ModelParameter> added)
{
    private volatile Told _told = new(model.Info, added);

    /// <summary>The same instance for as long as the model says the same.</summary>
    public ModelInfo Info
    {
        get
        {
            // A model may learn more about itself when it is loaded.
            var (told, now) = (_told, model.Info);
            if (!ReferenceEquals(told.Bare, now))
                _told = told = new Told(now, added);
            return told.Whole;
        }
    }

    private sealed class Told(ModelInfo bare, IReadOnlyList<ModelParameter> added)
    {
        public ModelInfo Bare { get; } = bare;

        public ModelInfo Whole { get; } = bare with { Parameters = [.. bare.Parameters, .. added] };
    }
}
