using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TrueLive.Core.Frames;

namespace TrueLive.Models.Grading;

/// <summary>
/// Sharpens or softens the luma of frames of one size in place: adds or takes the difference from a binomial blur over 5x5 pixels, in whole
/// numbers.
/// </summary>
internal sealed class LumaSharpness(int width, int height)
{
    private const int Lanes = 8;
    private const int Bits = 6;

    // Sums of 1 4 6 4 1 along each row.
    private readonly ushort[] _sums = new ushort[width * height];

    /// <param name="frame">The frame.</param>
    /// <param name="amount">-1..1; the full amount sharpens by twice the difference, and half of it already takes all of it.</param>
    public void Apply(VideoFrame frame, float amount)
    {
        var k = (short)Math.Clamp(MathF.Round(2 * amount * (1 << Bits)), -1 << Bits, 2 << Bits);
        var (lowest, highest) = frame.Colour.FullRange ? ((short)0, (short)255) : ((short)16, (short)235);
        for (var y = 0; y < height; y++)
            Sum(frame.Y.Slice(y * frame.StrideY, width), _sums.AsSpan(y * width, width));
        for (var y = 0; y < height; y++)
            Blend(frame.Y.Slice(y * frame.StrideY, width), y, k, lowest, highest);
    }

    private static void Sum(ReadOnlySpan<byte> row, Span<ushort> sums)
    {
        var x = 0;
        for (; x < Math.Min(2, row.Length); x++)
            sums[x] = At(row, x);
        ref var from = ref MemoryMarshal.GetReference(row);
        ref var to = ref MemoryMarshal.GetReference(sums);
        for (; x + Lanes + 2 <= row.Length; x += Lanes)
        {
            var near = Wide(ref from, x - 1) + Wide(ref from, x + 1);
            var far = Wide(ref from, x - 2) + Wide(ref from, x + 2);
            (far + (near << 2) + Wide(ref from, x) * (ushort)6).StoreUnsafe(ref to, (nuint)x);
        }
        for (; x < row.Length; x++)
            sums[x] = At(row, x);
    }

    private static ushort At(ReadOnlySpan<byte> row, int x)
    {
        var last = row.Length - 1;
        return (ushort)(row[Math.Max(x - 2, 0)] + 4 * row[Math.Max(x - 1, 0)] + 6 * row[x] + 4 * row[Math.Min(x + 1, last)]
            + row[Math.Min(x + 2, last)]);
    }

    private void Blend(Span<byte> row, int y, short k, short lowest, short highest)
    {
        ref var far = ref Row(y - 2);
        ref var near = ref Row(y - 1);
        ref var here = ref Row(y);
        ref var near2 = ref Row(y + 1);
        ref var far2 = ref Row(y + 2);
        ref var luma = ref MemoryMarshal.GetReference(row);
        var x = 0;
        for (; x + Lanes <= width; x += Lanes)
        {
            var at = (nuint)x;
            var blur = (Vector128.LoadUnsafe(ref far, at) + Vector128.LoadUnsafe(ref far2, at)
                + ((Vector128.LoadUnsafe(ref near, at) + Vector128.LoadUnsafe(ref near2, at)) << 2)
                + Vector128.LoadUnsafe(ref here, at) * (ushort)6 + Vector128.Create((ushort)128)) >>> 8;
            var own = Wide(ref luma, x).AsInt16();
            var made = own + (((own - blur.AsInt16()) * k + Vector128.Create((short)(1 << Bits - 1))) >> Bits);
            made = Vector128.Min(Vector128.Max(made, Vector128.Create(lowest)), Vector128.Create(highest));
            Unsafe.WriteUnaligned(ref Unsafe.Add(ref luma, x), Vector128.Narrow(made, made).AsUInt64().ToScalar());
        }
        for (; x < width; x++)
        {
            var blur = (Unsafe.Add(ref far, x) + Unsafe.Add(ref far2, x) + 4 * (Unsafe.Add(ref near, x) + Unsafe.Add(ref near2, x))
                + 6 * Unsafe.Add(ref here, x) + 128) >> 8;
            row[x] = (byte)Math.Clamp(row[x] + (((row[x] - blur) * k + (1 << Bits - 1)) >> Bits), lowest, highest);
        }
    }

    private ref ushort Row(int y) => ref _sums[Math.Clamp(y, 0, height - 1) * width];

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<ushort> Wide(ref byte from, int at) =>
        Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref from, at))).AsByte());
}
