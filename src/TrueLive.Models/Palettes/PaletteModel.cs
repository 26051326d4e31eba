using TrueLive.Core.Models;

namespace TrueLive.Models.Palettes;

/// <summary>
/// Any model with a palette around it: its pictures take on the colours of a reference picture. Two parameters set it
/// (<see cref="Palette"/>), and words such as "half of the palette" its strength. Without a palette its pictures are those of the model.
/// </summary>
public sealed class PaletteModel : IVideoModel
{
    private readonly TimeProvider _time;
    private readonly AddedParameters _told;

    private PaletteModel(IVideoModel model, TimeProvider time) =>
        (Model, _time, _told) = (model, time, new AddedParameters(model, Palette.Parameters));

    /// <summary>The model without the palette.</summary>
    public IVideoModel Model { get; }

    /// <inheritdoc/>
    public ModelInfo Info => _told.Info;

    /// <inheritdoc/>
    public TimeSpan ProcessorTimeElsewhere => Model.ProcessorTimeElsewhere;

    /// <summary>The model with a palette; itself where it has parameters of these names, which keep their meaning.</summary>
    /// <param name="model">The model.</param>
    /// <param name="time">Clock that the grade's time is measured by.</param>
    public static IVideoModel Of(IVideoModel model, TimeProvider time) =>
        model.Info.Parameters.Any(p => p.Id is Palette.PictureId or Palette.StrengthId) ? model : new PaletteModel(model, time);

    /// <inheritdoc/>
    public PromptReading Read(string text)
    {
        if (PaletteWords.Read(text, out var rest) is not { } strength)
            return Model.Read(text);
        var reading = Model.Read(rest);
        var isAll = string.IsNullOrWhiteSpace(rest);
        return reading with
        {
            Palette = strength,
            Note = reading.Note is null ? PaletteWords.Say(strength) : $"{reading.Note} {PaletteWords.Say(strength)}",
            Understood = reading.Understood || isAll,
            Confidence = isAll ? 1 : reading.Confidence,
        };
    }

    /// <inheritdoc/>
    public IModelSession CreateSession(int width, int height) => new PaletteSession(this, Model.CreateSession(width, height), _time);

    /// <inheritdoc/>
    public void Dispose() => Model.Dispose();
}
