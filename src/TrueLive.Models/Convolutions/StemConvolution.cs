namespace TrueLive.Models.Convolutions;

/// <summary>
/// The first convolution, 3x3 with stride 2, from planes without a margin: pixels outside the picture are left out of the sums.
/// </summary>
internal sealed unsafe class StemConvolution : Convolution
{
    /// <summary>Smallest side of a picture: one output pixel in addition to the eight that are computed at once.</summary>
    public const int MinSide = 2 * (Pixels + 1);

    private const int Side = 3;
    private const int Pixels = 8;

    // Dimensions: block of 16 output channels, input channel, kernel row and column, output channel. The second one lacks the first
    // kernel row.
    private readonly AlignedFloats _weights;
    private readonly AlignedFloats _below;

    public StemConvolution(ConvLayer layer) : base(layer)
    {
        _weights = Pack(0);
        _below = Pack(1);
    }

    public override int BandRows => 4;

    public override int ScratchLength => Pixels * Microkernel.Columns;

    /// <summary>The input is planes, one after the other, of twice the width and twice the height.</summary>
    public override void Run(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch)
    {
        var segments = stackalloc nint[Side * Layer.In];
        for (var y = band * BandRows; y < Math.Min((band + 1) * BandRows, height); y++)
        {
            int first = y == 0 ? 1 : 0, rows = Side - first, count = rows * Layer.In;
            for (var s = 0; s < count; s++)
                segments[s] = (s / rows * 2 * height + s % rows) * row;
            var start = from + (2 * y - 1 + first) * row - 1;
            var weights = (y == 0 ? _below : _weights).Start;
            for (var o = 0; o < Layer.Out; o += Microkernel.Columns, weights += count * Side * Microkernel.Columns)
            {
                First(start, segments, count, weights, scratch.Sums.Start);
                DirectConvolution.Put(scratch.Sums.Start, to, 0, 1, y, o);
                // The last block overlaps the one before it, so that it does not read past the row.
                for (var x = 1; x < width; x += Pixels)
                {
                    x = Math.Min(x, width - Pixels);
                    Microkernel.Rows(Pixels, start + 2 * x, 2, segments, count, Side, weights, scratch.Sums.Start, Microkernel.Columns);
                    DirectConvolution.Put(scratch.Sums.Start, to, x, Pixels, y, o);
                }
            }
        }
    }

    // The pixel whose kernel begins one column before the picture.
    private static void First(float* start, nint* segments, int count, float* weights, float* sums)
    {
        Lanes8 low = default, high = default;
        for (var s = 0; s < count; s++)
        {
            weights += Microkernel.Columns;
            for (var k = 1; k < Side; k++, weights += Microkernel.Columns)
            {
                var a = Lanes8.All(start[segments[s] + k]);
                low = Lanes8.MultiplyAdd(a, Lanes8.Load(weights), low);
                high = Lanes8.MultiplyAdd(a, Lanes8.Load(weights + Lanes8.Count), high);
            }
        }
        low.Store(sums);
        high.Store(sums + Lanes8.Count);
    }

    private AlignedFloats Pack(int first)
    {
        int rows = Side - first, taps = rows * Side;
        var packed = new AlignedFloats(Layer.Out * Layer.In * taps);
        for (var o = 0; o < Layer.Out; o++)
        {
            for (var i = 0; i < Layer.In * taps; i++)
                packed.Start[(o / Microkernel.Columns * Layer.In * taps + i) * Microkernel.Columns
                    + o % Microkernel.Columns] = Layer.Weights[(o * Layer.In + i / taps) * Side * Side + first * Side + i % taps];
        }
        return packed;
    }
}
