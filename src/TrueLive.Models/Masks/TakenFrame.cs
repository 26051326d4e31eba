using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>An input whose picture is not out yet.</summary>
/// <param name="Source">Its number in the source.</param>
/// <param name="Wish">What was asked for when it came in.</param>
/// <param name="Camera">Its picture at the session's size.</param>
/// <param name="Mask">Its mask; null where none was in force.</param>
/// <param name="Share">Share of the picture that is of persons.</param>
internal sealed record TakenFrame(long Source, MaskWish Wish, VideoFrame Camera, VideoFrame? Mask, float Share) : IDisposable
{
    /// <summary>About as many bytes as <see cref="Save"/> writes.</summary>
    public int SavedLength => 64 + Camera.Width * Camera.Height * 3 / 2 + (Mask?.Width * Mask?.Height * 5 / 4 ?? 0);

    /// <param name="to">Where it is written.</param>
    /// <param name="known">As of <see cref="MaskWish.Save"/>.</param>
    public void Save(BinaryWriter to, List<ReferencePicture> known)
    {
        to.Write(Source);
        Wish.Save(to, known);
        to.Write((byte)Camera.Colour.Matrix);
        to.Write(Camera.Colour.FullRange);
        Rows(Camera.Y, Camera.StrideY, Camera.Width, Camera.Height, row => to.Write(row));
        Rows(Camera.U, Camera.StrideC, Camera.ChromaWidth, Camera.ChromaHeight, row => to.Write(row));
        Rows(Camera.V, Camera.StrideC, Camera.ChromaWidth, Camera.ChromaHeight, row => to.Write(row));
        to.Write(Mask is not null);
        if (Mask is null)
            return;
        to.Write(Share);
        Rows(Mask.Y, Mask.StrideY, Mask.Width, Mask.Height, row => to.Write(row));
        Rows(Mask.U, Mask.StrideC, Mask.ChromaWidth, Mask.ChromaHeight, row => to.Write(row));
    }

    /// <summary>A saved one, of a session of that size: it has no sizes of its own.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static TakenFrame Recall(BinaryReader from, FramePool pool, int width, int height, List<ReferencePicture> known)
    {
        var (source, wish) = (from.ReadInt64(), MaskWish.Recall(from, known));
        var colour = new ColourSpace((ColourMatrix)from.ReadByte(), from.ReadBoolean());
        if (!Enum.IsDefined(colour.Matrix))
            throw new InvalidDataException("A picture has another matrix than there are.");
        var camera = pool.Rent(width, height);
        VideoFrame? mask = null;
        try
        {
            camera.Colour = colour;
            Rows(camera.Y, camera.StrideY, width, height, row => from.ReadExactly(row));
            Rows(camera.U, camera.StrideC, camera.ChromaWidth, camera.ChromaHeight, row => from.ReadExactly(row));
            Rows(camera.V, camera.StrideC, camera.ChromaWidth, camera.ChromaHeight, row => from.ReadExactly(row));
            if (!from.ReadBoolean())
                return new TakenFrame(source, wish, camera, null, 0);
            var share = from.ReadSingle();
            if (share is not (>= 0 and <= 1))
                throw new InvalidDataException("The share of persons is not within 0..1.");
            var seen = PersonNetwork.SizeFor(width, height);
            mask = pool.Rent(seen.Width, seen.Height);
            Rows(mask.Y, mask.StrideY, mask.Width, mask.Height, row => from.ReadExactly(row));
            Rows(mask.U, mask.StrideC, mask.ChromaWidth, mask.ChromaHeight, row => from.ReadExactly(row));
            mask.U.CopyTo(mask.V);
            return new TakenFrame(source, wish, camera, mask, share);
        }
        catch
        {
            camera.Dispose();
            mask?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Camera.Dispose();
        Mask?.Dispose();
    }

    private static void Rows(Span<byte> plane, int stride, int width, int height, RowAction each)
    {
        for (var y = 0; y < height; y++)
            each(plane.Slice(y * stride, width));
    }

    private delegate void RowAction(Span<byte> row);
}
