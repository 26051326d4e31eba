using System.Collections.Immutable;
using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Palettes;

/// <summary>A prompt, the same without what is the palette's, and what to aim at.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Inner">
/// The prompt that the model gets. With a palette it has no adjustments: they are made behind the grade, which would take them out again.
/// </param>
/// <param name="Aim">
/// A prompt whose style is the strength of the palette and its moments, each times the strength, so that a palette fades in and out without
/// changing its colours on the way, and whose adjustments are those that are made behind it.
/// </param>
/// <param name="Palette">The picture's id and moments, and how much of them; null for none.</param>
internal sealed record PaletteWish(Prompt Prompt, Prompt Inner, Prompt Aim, PaletteAim? Palette)
{
    /// <summary>Length of the style.</summary>
    public const int Length = 1 + ColourMoments.Count;

    private static readonly FramePool Pictures = new("palette", 1);

    /// <summary>The wish of a session that was given no prompt.</summary>
    public static PaletteWish None { get; } = new(Prompt.None, Prompt.None, Prompt.None, null);

    /// <param name="prompt">The prompt.</param>
    /// <param name="declared">Parameters of the model without a palette.</param>
    /// <param name="before">The wish before it, whose moments are used again where it names the same picture.</param>
    public static PaletteWish Of(Prompt prompt, IReadOnlyList<ModelParameter> declared, PaletteWish before)
    {
        var values = prompt.Values.For(declared);
        var inner = values.Equals(prompt.Values) ? prompt : prompt with { Values = values };
        var (picture, strength) = Core.Models.Palette.Of(prompt);
        if (picture is null || strength <= 0)
            return Aiming(prompt, inner, null);
        var moments = before.Palette?.Picture == picture.Id ? before.Palette.Moments : MomentsOf(picture);
        var adjustments = prompt.Reading.Adjustments;
        if (!adjustments.IsEmpty)
            inner = inner with { Reading = inner.Reading with { Adjustments = [] } };
        return Aiming(prompt, inner, new(picture.Id, strength, moments), adjustments);
    }

    /// <summary>The moments that a style stands for.</summary>
    public static ColourMoments Moments(ReadOnlySpan<float> style)
    {
        double share = style[0];
        return new(style[1] / share, style[2] / share, style[3] / share, style[4] / share, style[5] / share, style[6] / share,
            style[7] / share, style[8] / share, style[9] / share);
    }

    public void Save(BinaryWriter to)
    {
        to.Write(Aim.Revision);
        to.Write(Aim.Strength);
        to.Write(Aim.Transition.Ticks);
        to.Write(Palette is not null);
        if (Palette is null)
            return;
        Palette.Save(to);
        to.Write((byte)Aim.Reading.Adjustments.Length);
        foreach (var (kind, amount) in Aim.Reading.Adjustments)
        {
            to.Write((byte)kind);
            to.Write(amount);
        }
    }

    /// <summary>A saved one; the model is not asked for anything with it again.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static PaletteWish Recall(BinaryReader from)
    {
        var (revision, strength, transition) = (from.ReadInt64(), from.ReadSingle(), new TimeSpan(from.ReadInt64()));
        if (strength is not (>= 0 and <= 1) || transition < TimeSpan.Zero)
            throw new InvalidDataException("A prompt is out of range.");
        var prompt = Prompt.None with { Revision = revision, Strength = strength, Transition = transition };
        if (!from.ReadBoolean())
            return Aiming(prompt, prompt, null);
        var palette = PaletteAim.Recall(from);
        var adjustments = new Adjustment[from.ReadByte()];
        foreach (ref var one in adjustments.AsSpan())
        {
            one = new((AdjustmentKind)from.ReadByte(), from.ReadSingle());
            if (!Enum.IsDefined(one.Kind) || one.Amount is not (>= -1 and <= 1))
                throw new InvalidDataException("An adjustment is out of range.");
        }
        return Aiming(prompt, prompt, palette, [.. adjustments]);
    }

    private static PaletteWish Aiming(Prompt prompt, Prompt inner, PaletteAim? palette, ImmutableArray<Adjustment> adjustments = default)
    {
        ImmutableArray<float> style = palette is null ? [] : [palette.Strength, .. palette.Moments.Select(m => m * palette.Strength)];
        var aim = PromptReading.Empty with { Style = style, Adjustments = adjustments.IsDefault ? [] : adjustments };
        return new(prompt, inner, new(prompt.Revision, "", prompt.Strength, prompt.Transition, aim), palette);
    }

    private static ImmutableArray<float> MomentsOf(ReferencePicture picture)
    {
        using var frame = picture.Rent(Pictures);
        var m = ColourMoments.Of(frame);
        return [(float)m.Y, (float)m.Cb, (float)m.Cr, (float)m.YY, (float)m.YCb, (float)m.YCr, (float)m.CbCb, (float)m.CbCr, (float)m.CrCr];
    }
}

/// <summary>What a palette aims at.</summary>
/// <param name="Picture">Id of the picture.</param>
/// <param name="Strength">Above 0, up to 1.</param>
/// <param name="Moments">The <see cref="ColourMoments"/> of the picture.</param>
internal sealed record PaletteAim(string Picture, float Strength, ImmutableArray<float> Moments)
{
    private const int IdLength = 32;

    // Means and products of samples lie well within.
    private const float Most = 2;

    public void Save(BinaryWriter to)
    {
        to.Write(Picture);
        to.Write(Strength);
        foreach (var value in Moments)
            to.Write(value);
    }

    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static PaletteAim Recall(BinaryReader from)
    {
        var (picture, strength) = (Id(from), from.ReadSingle());
        ImmutableArray<float> moments = [.. Enumerable.Range(0, ColourMoments.Count).Select(_ => from.ReadSingle())];
        return strength is > 0 and <= 1 && moments.All(m => Math.Abs(m) <= Most) ? new(picture, strength, moments)
            : throw new InvalidDataException("A palette is out of range.");
    }

    /// <summary>Reads the id of a picture, or of none, as <see cref="BinaryWriter.Write(string)"/> wrote it.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static string Id(BinaryReader from)
    {
        var length = from.ReadByte();
        var id = Encoding.Latin1.GetString(from.ReadBytes(length is 0 or IdLength ? length : 0));
        return id.Length == length && id.All(char.IsAsciiHexDigit) ? id : throw new InvalidDataException("The id of a picture is none.");
    }
}
