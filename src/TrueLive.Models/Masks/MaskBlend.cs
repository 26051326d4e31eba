using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>
/// Puts pictures of one size together: the look where the mask keeps it, and elsewhere the camera, a blur of it, a colour, or a picture.
/// </summary>
internal sealed class MaskBlend(int width, int height) : IDisposable
{
    private static readonly FramePool Behind = new("picture behind", 4);

    private readonly FramePool _scratch = new("mask scratch", 2);
    private readonly FrameScaler _scaler = new(PersonNetwork.SizeFor(width, height).Width, PersonNetwork.SizeFor(width, height).Height,
        width, height);
    private BackgroundBlur? _blur;
    private float[] _planes = [];

    // The picture that is shown elsewhere, made ready once for as long as it is.
    private VideoFrame? _behind;
    private string? _behindId;

    /// <param name="look">The picture with the look.</param>
    /// <param name="camera">The picture as it came in.</param>
    /// <param name="mask">The mask of <see cref="PersonMask"/>.</param>
    /// <param name="wish">What to keep and what to show elsewhere.</param>
    /// <param name="into">Gets the result, in the colour space of the look.</param>
    public void Apply(VideoFrame look, VideoFrame camera, VideoFrame mask, MaskWish wish, VideoFrame into)
    {
        var inverted = wish.Keep.On == MaskArea.Background;
        using var fitted = _scratch.Rent(width, height);
        using var rest = wish.Picture is { } picture ? Picture(picture, look.Colour) : Rest(look, camera, mask, wish.Keep);
        _scaler.Scale(mask, fitted);
        into.Colour = look.Colour;
        into.Ticket = look.Ticket;
        for (var y = 0; y < height; y++)
            Row(look.Y[(y * look.StrideY)..], rest.Y[(y * rest.StrideY)..], fitted.Y[(y * fitted.StrideY)..], inverted,
                into.Y.Slice(y * into.StrideY, width));
        for (var y = 0; y < into.ChromaHeight; y++)
        {
            var shares = fitted.U[(y * fitted.StrideC)..];
            Row(look.U[(y * look.StrideC)..], rest.U[(y * rest.StrideC)..], shares, inverted,
                into.U.Slice(y * into.StrideC, into.ChromaWidth));
            Row(look.V[(y * look.StrideC)..], rest.V[(y * rest.StrideC)..], shares, inverted,
                into.V.Slice(y * into.StrideC, into.ChromaWidth));
        }
    }

    public void Dispose() => _behind?.Dispose();

    private VideoFrame Picture(ReferencePicture picture, ColourSpace colour)
    {
        if (_behind is null || _behindId != picture.Id || _behind.Colour != colour)
        {
            _behind?.Dispose();
            _behind = CoveringPicture.Of(picture, width, height, Behind);
            _behindId = picture.Id;
            if (_behind.Colour != colour)
            {
                using var shown = _behind;
                _behind = Behind.Rent(width, height);
                Recolour(shown, _behind, colour);
            }
        }
        return _behind.Retain();
    }

    // What is shown where the look is not, in the colour space of the look.
    private VideoFrame Rest(VideoFrame look, VideoFrame camera, VideoFrame mask, KeepMask keep)
    {
        if (keep.Rest == MaskRest.Camera && camera.Colour == look.Colour)
            return camera.Retain();
        var rest = _scratch.Rent(width, height);
        rest.Colour = look.Colour;
        if (keep.Rest > MaskRest.Blur)
        {
            MaskColours.Fill(rest, keep.Rest);
            return rest;
        }
        if (keep.Rest == MaskRest.Blur)
            (_blur ??= new BackgroundBlur(width, height)).Apply(camera, mask, inverted: keep.On == MaskArea.Person, rest);
        if (camera.Colour != look.Colour)
            Recolour(keep.Rest == MaskRest.Blur ? rest : camera, rest, look.Colour);
        return rest;
    }

    // Models that hand out another colour space than they are given are rare.
    private void Recolour(VideoFrame from, VideoFrame to, ColourSpace wanted)
    {
        var pixels = width * height;
        if (_planes.Length == 0)
            _planes = new float[3 * pixels];
        Span<float> r = _planes.AsSpan(0, pixels), g = _planes.AsSpan(pixels, pixels), b = _planes.AsSpan(2 * pixels);
        ColourConversion.ToPlanarRgb(from, r, g, b, TensorScale.Unit);
        to.Colour = wanted;
        ColourConversion.FromPlanarRgb(r, g, b, to, TensorScale.Unit);
    }

    /// <summary>One row: the first where the share is 255, the second where it is 0, or the other way round.</summary>
    internal static void Row(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<byte> shares, bool inverted, Span<byte> into)
    {
        var flip = (byte)(inverted ? 255 : 0);
        ref var a = ref MemoryMarshal.GetReference(first);
        ref var b = ref MemoryMarshal.GetReference(second);
        ref var s = ref MemoryMarshal.GetReference(shares);
        ref var o = ref MemoryMarshal.GetReference(into);
        var x = 0;
        for (; x + Vector128<byte>.Count <= into.Length; x += Vector128<byte>.Count)
        {
            var (va, vb) = (Vector128.LoadUnsafe(ref a, (nuint)x), Vector128.LoadUnsafe(ref b, (nuint)x));
            var vs = Vector128.LoadUnsafe(ref s, (nuint)x) ^ Vector128.Create(flip);
            var low = Mix(Vector128.WidenLower(va), Vector128.WidenLower(vb), Vector128.WidenLower(vs));
            var high = Mix(Vector128.WidenUpper(va), Vector128.WidenUpper(vb), Vector128.WidenUpper(vs));
            Vector128.Narrow(low, high).StoreUnsafe(ref o, (nuint)x);
        }
        for (; x < into.Length; x++)
        {
            var share = shares[x] ^ flip;
            share += share >> 7;
            into[x] = (byte)((first[x] * share + second[x] * (256 - share) + 128) >> 8);
        }
    }

    private static Vector128<ushort> Mix(Vector128<ushort> a, Vector128<ushort> b, Vector128<ushort> share)
    {
        share += share >>> 7;
        return (a * share + b * (Vector128.Create((ushort)256) - share) + Vector128.Create((ushort)128)) >>> 8;
    }
}
