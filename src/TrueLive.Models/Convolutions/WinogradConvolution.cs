using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace TrueLive.Models.Convolutions;

/// <summary>
/// A 3x3 convolution of stride 1 as F(4x4, 3x3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2015): 36
/// multiplications make the 16 pixels of a tile instead of 144. With a dilation of 2 the tiles lie on every second row and column.
/// </summary>
internal sealed unsafe class WinogradConvolution : Convolution
{
    private const int Tile = 4;
    private const int Side = 6;
    private const int Points = Side * Side;

    // Tiles computed at once: few enough that their transforms and sums stay in the L2 cache beside the weights.
    private const int MaxTiles = 24;

    // The transform of a row of three weights.
    private static readonly float[][] FromKernel =
    [
        [1 / 4f, 0, 0], [-1 / 6f, -1 / 6f, -1 / 6f], [-1 / 6f, 1 / 6f, -1 / 6f], [1 / 24f, 1 / 12f, 1 / 6f],
        [1 / 24f, -1 / 12f, 1 / 6f], [0, 0, 1],
    ];

    // Dimensions: point, block of 16 output channels, input channel, output channel.
    private readonly AlignedFloats _weights;

    public WinogradConvolution(ConvLayer layer) : base(layer)
    {
        _weights = new AlignedFloats(PackedLength(layer.In, layer.Out));
        for (var o = 0; o < layer.Out; o++)
        {
            for (var i = 0; i < layer.In; i++)
                Pack(layer.Weights.AsSpan((o * layer.In + i) * 9, 9), o, i);
        }
    }

    /// <summary>Floats of a layer's packed weights.</summary>
    public static int PackedLength(int ins, int outs) => Points * ins * outs;

    public override int BandRows => Tile * Layer.Dilation;

    public override int ScratchLength => Points * MaxTiles * Math.Max(Layer.In, Layer.Out);

    public override void Run(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch)
    {
        if (Vector512.IsHardwareAccelerated)
            Run<Lanes16>(from, row, to, width, height, band, scratch);
        else
            Run<Lanes8>(from, row, to, width, height, band, scratch);
    }

    private void Run<T>(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch) where T
        : unmanaged, ILanes<T>
    {
        int d = Layer.Dilation, across = (width + BandRows - 1) / BandRows, all = d * d * across;
        var chunks = (all + MaxTiles - 1) / MaxTiles;
        for (var chunk = 0; chunk < chunks; chunk++)
        {
            int first = all * chunk / chunks, tiles = all * (chunk + 1) / chunks - first, padded = (tiles + 3) & ~3;
            for (var t = 0; t < tiles; t++)
            {
                var (x, y) = Origin(first + t);
                var at = from + (y - d) * row + (x - d) * Layer.In;
                for (var c = 0; c < Layer.In; c += T.Count)
                    TransformInput<T>(at + c, d * row, d * Layer.In, scratch.Input.Start + t * Layer.In + c, (nint)padded * Layer.In);
            }
            MultiplyPoints(scratch, padded);
            for (var t = 0; t < tiles; t++)
            {
                var (x, y) = Origin(first + t);
                for (var c = 0; c < Layer.Out; c += T.Count)
                    TransformOutput<T>(scratch.Sums.Start + t * Layer.Out + c, (nint)padded * Layer.Out, to, x, y, d, width, height, c);
            }
        }

        (int X, int Y) Origin(int tile)
        {
            var lattice = tile / across;
            return (tile % across * BandRows + lattice % d, band * BandRows + lattice / d);
        }
    }

    private void MultiplyPoints(Scratch scratch, int tiles)
    {
        int ins = Layer.In, outs = Layer.Out;
        nint whole = 0;
        for (var p = 0; p < Points; p++)
        {
            var a = scratch.Input.Start + (nint)p * tiles * ins;
            var c = scratch.Sums.Start + (nint)p * tiles * outs;
            for (var o = 0; o < outs; o += Microkernel.Columns)
                Microkernel.Rows(tiles, a, ins, &whole, 1, ins, _weights.Start + ((nint)p * outs + o) * ins, c + o, outs);
        }
    }

    private void Pack(ReadOnlySpan<float> kernel, int o, int i)
    {
        for (var p = 0; p < Points; p++)
        {
            float[] down = FromKernel[p / Side], across = FromKernel[p % Side];
            double sum = 0;
            for (var k = 0; k < 9; k++)
                sum += (double)down[k / 3] * across[k % 3] * kernel[k];
            _weights.Start[((p * Layer.Out + o / Microkernel.Columns * Microkernel.Columns) * Layer.In) + i * Microkernel.Columns
                + o % Microkernel.Columns] = (float)sum;
        }
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformInput<T>(float* from, nint row, nint pixel, float* to, nint point) where T : unmanaged, ILanes<T>
    {
        var rows = stackalloc T[Points];
        for (var at = rows; at < rows + Points; at += Side, from += row)
            Input(T.Load(from), T.Load(from + pixel), T.Load(from + 2 * pixel), T.Load(from + 3 * pixel), T.Load(from + 4 * pixel),
                T.Load(from + 5 * pixel), out at[0], out at[1], out at[2], out at[3], out at[4], out at[5]);
        for (var at = rows; at < rows + Side; at++, to += point)
        {
            Input(at[0], at[Side], at[2 * Side], at[3 * Side], at[4 * Side], at[5 * Side], out var a, out var b, out var c, out var d,
                out var e, out var f);
            a.Store(to);
            b.Store(to + Side * point);
            c.Store(to + 2 * Side * point);
            d.Store(to + 3 * Side * point);
            e.Store(to + 4 * Side * point);
            f.Store(to + 5 * Side * point);
        }
    }

    // Transforms six adjacent inputs, for some channels.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input<T>(T d0, T d1, T d2, T d3, T d4, T d5, out T t0, out T t1, out T t2, out T t3, out T t4, out T t5) where T
        : unmanaged, ILanes<T>
    {
        T four = T.All(4), minusFour = T.All(-4), minusFive = T.All(-5);
        t0 = T.MultiplyAdd(four, d0, T.MultiplyAdd(minusFive, d2, d4));
        T even = T.MultiplyAdd(minusFour, d2, d4), odd = T.MultiplyAdd(minusFour, d1, d3);
        (t1, t2) = (even + odd, even - odd);
        (even, odd) = (d4 - d2, d3 - d1);
        (t3, t4) = (T.MultiplyAdd(T.All(2), odd, even), T.MultiplyAdd(T.All(-2), odd, even));
        t5 = T.MultiplyAdd(four, d1, T.MultiplyAdd(minusFive, d3, d5));
    }

    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformOutput<T>(float* from, nint point, LayerOutput to, nint x, nint y, nint step, nint width, nint height,
        nint channel) where T : unmanaged, ILanes<T>
    {
        var rows = stackalloc T[Tile * Side];
        for (var at = rows; at < rows + Side; at++, from += point)
        {
            Output(T.Load(from), T.Load(from + Side * point), T.Load(from + 2 * Side * point), T.Load(from + 3 * Side * point),
                T.Load(from + 4 * Side * point), T.Load(from + 5 * Side * point),
                out at[0], out at[Side], out at[2 * Side], out at[3 * Side]);
        }
        // With dilation a tile may lie partly or wholly outside the picture.
        for (var at = rows; at < rows + Tile * Side && y < height && x < width; at += Side, y += step)
        {
            Output(at[0], at[1], at[2], at[3], at[4], at[5], out var a, out var b, out var c, out var d);
            var row = to.Row<T>(y, channel);
            row.Put(a, x);
            if (x + step < width)
                row.Put(b, x + step);
            if (x + 2 * step < width)
                row.Put(c, x + 2 * step);
            if (x + 3 * step < width)
                row.Put(d, x + 3 * step);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output<T>(T m0, T m1, T m2, T m3, T m4, T m5, out T y0, out T y1, out T y2, out T y3) where T : unmanaged, ILanes<T>
    {
        T sum = m1 + m2, difference = m1 - m2, far = m3 + m4, slope = m3 - m4;
        y0 = m0 + sum + far;
        y1 = T.MultiplyAdd(T.All(2), slope, difference);
        y2 = T.MultiplyAdd(T.All(4), far, sum);
        y3 = T.MultiplyAdd(T.All(8), slope, difference) + m5;
    }
}
