using TrueLive.Core.Models;
using TrueLive.Models.Palettes;

namespace TrueLive.Models.Masks;

/// <summary>
/// Any model with a mask around it: its look on everything, on the person or on the background, and elsewhere the camera, a blur of it or a
/// colour. Two parameters set it (<see cref="KeepMask"/>), or words such as "blur the background" in the prompt, which the model itself
/// does not get to read. Without a mask its pictures are those of the model.
/// </summary>
public sealed class MaskedModel : IVideoModel
{
    private readonly TimeProvider _time;
    private readonly AddedParameters _told;

    private MaskedModel(IVideoModel model, TimeProvider time) =>
        (Model, _time, _told) = (model, time, new AddedParameters(model, KeepMask.Parameters));

    /// <summary>The model without the mask.</summary>
    public IVideoModel Model { get; }

    /// <inheritdoc/>
    public ModelInfo Info => _told.Info;

    /// <inheritdoc/>
    public TimeSpan ProcessorTimeElsewhere => Model.ProcessorTimeElsewhere;

    /// <summary>The model with a mask; itself where it has parameters of these names, which keep their meaning.</summary>
    /// <param name="model">The model.</param>
    /// <param name="time">Clock that the mask's time is measured by.</param>
    public static IVideoModel Of(IVideoModel model, TimeProvider time) =>
        model.Info.Parameters.Any(p => p.Id is KeepMask.OnId or KeepMask.RestId) ? model : new MaskedModel(model, time);

    /// <summary>The model itself, without a mask and a palette.</summary>
    public static IVideoModel Bare(IVideoModel model) => model switch
    {
        MaskedModel masked => Bare(masked.Model),
        PaletteModel graded => graded.Model,
        _ => model,
    };

    /// <inheritdoc/>
    public PromptReading Read(string text)
    {
        if (MaskWords.Read(text, out var rest) is not { } mask)
            return Model.Read(text);
        var reading = Model.Read(rest);
        return reading with
        {
            Mask = mask,
            Note = reading.Note is null ? MaskWords.Say(mask) : $"{reading.Note} {MaskWords.Say(mask)}",
            Understood = true,
            Confidence = reading.Understood ? reading.Confidence : 1,
        };
    }

    /// <inheritdoc/>
    public IModelSession CreateSession(int width, int height) => new MaskedSession(this, Model.CreateSession(width, height), _time);

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}
