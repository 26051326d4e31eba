using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>A prompt, the same without what is the mask's, and its mask.</summary>
internal sealed record MaskWish(Prompt Prompt, Prompt Inner, KeepMask Keep)
{
    /// <summary>The wish of a session that was given no prompt.</summary>
    public static MaskWish None { get; } = new(Prompt.None, Prompt.None, default);

    public string On { get; } = KeepMask.Name(Keep.On);

    public string Rest { get; } = KeepMask.Name(Keep.Rest);

    public void Save(BinaryWriter to)
    {
        to.Write(Prompt.Revision);
        to.Write((byte)Keep.On);
        to.Write((byte)Keep.Rest);
    }

    /// <summary>The revision and the mask of a wish; the model is not asked for anything with it again.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    public static MaskWish Recall(BinaryReader from)
    {
        var prompt = Prompt.None with { Revision = from.ReadInt64() };
        var keep = new KeepMask((MaskArea)from.ReadByte(), (MaskRest)from.ReadByte());
        if (!Enum.IsDefined(keep.On) || !Enum.IsDefined(keep.Rest))
            throw new InvalidDataException("A mask has another area or rest than there are.");
        return new MaskWish(prompt, prompt, keep);
    }
}
