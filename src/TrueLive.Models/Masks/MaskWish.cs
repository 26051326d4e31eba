using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>A prompt, the same without what is the mask's, and its mask.</summary>
/// <param name="Prompt">The prompt.</param>
/// <param name="Inner">The prompt that the model gets.</param>
/// <param name="Keep">The mask.</param>
/// <param name="Picture">What is shown elsewhere where that is a picture; else null.</param>
internal sealed record MaskWish(Prompt Prompt, Prompt Inner, KeepMask Keep, ReferencePicture? Picture = null)
{
    // Longer than an id is.
    private const int MaxId = 64;

    /// <summary>The wish of a session that was given no prompt.</summary>
    public static MaskWish None { get; } = new(Prompt.None, Prompt.None, default);

    public string On { get; } = KeepMask.Name(Keep.On);

    public string Rest { get; } = KeepMask.Name(Keep.Rest);

    /// <param name="prompt">The prompt.</param>
    /// <param name="declared">Parameters of the model without a mask.</param>
    public static MaskWish Of(Prompt prompt, IReadOnlyList<ModelParameter> declared)
    {
        var (values, keep) = (prompt.Values.For(declared), KeepMask.Of(prompt));
        return new(prompt, values.Equals(prompt.Values) ? prompt : prompt with { Values = values }, keep,
            keep.Rest == MaskRest.Picture ? prompt.Values.Picture(KeepMask.PictureId) : null);
    }

    /// <param name="to">Where it is written.</param>
    /// <param name="known">Pictures that were written before, each of which is written once.</param>
    public void Save(BinaryWriter to, List<ReferencePicture> known)
    {
        to.Write(Prompt.Revision);
        to.Write((byte)Keep.On);
        to.Write((byte)Keep.Rest);
        if (Picture is null)
            return;
        to.Write(Picture.Id);
        if (known.Exists(p => p.Id == Picture.Id))
            return;
        known.Add(Picture);
        to.Write(Picture.Bytes.Length);
        to.Write(Picture.Bytes.Span);
    }

    /// <summary>The revision and the mask of a wish; the model is not asked for anything with it again.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static MaskWish Recall(BinaryReader from, List<ReferencePicture> known)
    {
        var prompt = Prompt.None with { Revision = from.ReadInt64() };
        var keep = new KeepMask((MaskArea)from.ReadByte(), (MaskRest)from.ReadByte());
        if (!Enum.IsDefined(keep.On) || !Enum.IsDefined(keep.Rest))
            throw new InvalidDataException("A mask has another area or rest than there are.");
        return new MaskWish(prompt, prompt, keep, keep.Rest == MaskRest.Picture ? RecallPicture(from, known) : null);
    }

    private static ReferencePicture RecallPicture(BinaryReader from, List<ReferencePicture> known)
    {
        var length = from.ReadByte();
        var id = length > MaxId ? throw new InvalidDataException("The id of a picture is too long.") : new string(from.ReadChars(length));
        if (known.Find(p => p.Id == id) is { } before)
            return before;
        var size = from.ReadInt32();
        if (size is < 0 or > ReferencePicture.MaxBytes || ReferencePicture.Read(id, from.ReadBytes(size)) is not { } picture)
            throw new InvalidDataException("A picture behind the person could not be read.");
        known.Add(picture);
        return picture;
    }
}
