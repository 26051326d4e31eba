using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TrueLive.Core.Frames;

/// <summary>
/// Scales frames between two fixed sizes: bilinear (sample centres aligned), and the mean of the covered pixels when shrinking to
/// less than half. Tables are made once; a call allocates nothing. Not thread-safe.
/// </summary>
public sealed class FrameScaler
{
    private const int Half = 1 << 15;

    private readonly Axis _lumaX;
    private readonly Axis _lumaY;
    private readonly Axis _chromaX;
    private readonly Axis _chromaY;
    private readonly int[] _row0;
    private readonly int[] _row1;

    /// <summary>Prepares tables for one pair of sizes.</summary>
    public FrameScaler(int fromWidth, int fromHeight, int toWidth, int toHeight)
    {
        (FromWidth, FromHeight, ToWidth, ToHeight) = (fromWidth, fromHeight, toWidth, toHeight);
        (_lumaX, _lumaY) = (new Axis(fromWidth, toWidth), new Axis(fromHeight, toHeight));
        (_chromaX, _chromaY) = (new Axis((fromWidth + 1) / 2, (toWidth + 1) / 2), new Axis((fromHeight + 1) / 2, (toHeight + 1) / 2));
        (_row0, _row1) = (new int[toWidth], new int[toWidth]);
    }

    /// <summary>Width of frames taken.</summary>
    public int FromWidth { get; }

    /// <summary>Height of frames taken.</summary>
    public int FromHeight { get; }

    /// <summary>Width of frames filled.</summary>
    public int ToWidth { get; }

    /// <summary>Height of frames filled.</summary>
    public int ToHeight { get; }

    /// <summary>Fills <paramref name="to"/> with the scaled picture, its colour space and its ticket.</summary>
    /// <exception cref="ArgumentException">A frame has another size than the scaler.</exception>
    public void Scale(VideoFrame from, VideoFrame to)
    {
        if (from.Width != FromWidth || from.Height != FromHeight || to.Width != ToWidth || to.Height != ToHeight)
            throw new ArgumentException($"This scaler goes from {FromWidth}x{FromHeight} to {ToWidth}x{ToHeight}, not from " +
                $"{from.Width}x{from.Height} to {to.Width}x{to.Height}.");
        Plane(from.Y, from.StrideY, to.Y, to.StrideY, _lumaX, _lumaY);
        Plane(from.U, from.StrideC, to.U, to.StrideC, _chromaX, _chromaY);
        Plane(from.V, from.StrideC, to.V, to.StrideC, _chromaX, _chromaY);
        to.Colour = from.Colour;
        to.Ticket = from.Ticket;
    }

    private void Plane(ReadOnlySpan<byte> from, int fromStride, Span<byte> to, int toStride, Axis ax, Axis ay)
    {
        var cached0 = -1;
        var cached1 = -1;
        var (row0, row1) = (_row0, _row1);
        for (var y = 0; y < ay.Count; y++)
        {
            var (first, last, weight) = (ay.First[y], ay.Last[y], ay.Weight[y]);
            var line = to.Slice(y * toStride, ax.Count);
            if (ay.Box || ax.Box)
            {
                Box(from, fromStride, line, ax, first, last);
                continue;
            }
            if (first == cached1)
                (row0, row1, cached0, cached1) = (row1, row0, cached1, cached0);
            if (first != cached0)
                Row(from[(first * fromStride)..], row0, ax);
            if (last != cached1)
                Row(from[(last * fromStride)..], row1, ax);
            (cached0, cached1) = (first, last);
            Between(row0.AsSpan(0, line.Length), row1.AsSpan(0, line.Length), weight, line);
        }
    }

    private static void Between(ReadOnlySpan<int> above, ReadOnlySpan<int> below, int weight, Span<byte> line)
    {
        ref var a = ref MemoryMarshal.GetReference(above);
        ref var b = ref MemoryMarshal.GetReference(below);
        var x = 0;
        for (; x + Vector128<byte>.Count <= line.Length; x += Vector128<byte>.Count)
        {
            var wide = Vector256.Narrow(Eight(ref a, ref b, x, weight), Eight(ref a, ref b, x + Vector256<int>.Count, weight));
            Vector128.Narrow(wide.GetLower(), wide.GetUpper()).CopyTo(line[x..]);
        }
        for (; x < line.Length; x++)
            line[x] = (byte)((above[x] * (256 - weight) + below[x] * weight + Half) >> 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<uint> Eight(ref int a, ref int b, int x, int weight) =>
        ((Vector256.LoadUnsafe(ref a, (nuint)x) * (256 - weight) + Vector256.LoadUnsafe(ref b, (nuint)x) * weight
        + Vector256.Create(Half)) >>> 16).AsUInt32();

    private static void Row(ReadOnlySpan<byte> from, int[] row, Axis ax)
    {
        var (first, last, weight) = (ax.First, ax.Last, ax.Weight);
        for (var x = 0; x < ax.Count; x++)
            row[x] = from[first[x]] * (256 - weight[x]) + from[last[x]] * weight[x];
    }

    private static void Box(ReadOnlySpan<byte> from, int stride, Span<byte> line, Axis ax, int top, int bottom)
    {
        for (var x = 0; x < line.Length; x++)
        {
            var sum = 0;
            for (var y = top; y <= bottom; y++)
            {
                foreach (var value in from.Slice(y * stride + ax.First[x], ax.Last[x] - ax.First[x] + 1))
                    sum += value;
            }
            var count = (ax.Last[x] - ax.First[x] + 1) * (bottom - top + 1);
            line[x] = (byte)((sum + count / 2) / count);
        }
    }

    private sealed class Axis
    {
        public readonly int[] First;
        public readonly int[] Last;
        public readonly int[] Weight;
        public readonly bool Box;

        public Axis(int from, int to)
        {
            (First, Last, Weight) = (new int[to], new int[to], new int[to]);
            Box = to * 2 < from;
            var step = (double)from / to;
            for (var i = 0; i < to; i++)
            {
                if (Box)
                {
                    First[i] = (int)(i * step);
                    Last[i] = Math.Max(First[i], Math.Min(from, (int)((i + 1) * step)) - 1);
                    continue;
                }
                var at = Math.Clamp((i + 0.5) * step - 0.5, 0, from - 1);
                First[i] = (int)at;
                Last[i] = Math.Min(First[i] + 1, from - 1);
                Weight[i] = (int)Math.Round((at - First[i]) * 256);
            }
        }

        public int Count => First.Length;
    }
}
