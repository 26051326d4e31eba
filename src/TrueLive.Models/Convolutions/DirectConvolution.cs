using System.Runtime.CompilerServices;

namespace TrueLive.Models.Convolutions;

/// <summary>A direct convolution: 1x1, or 3x3 with stride 2, where tiles would save little.</summary>
internal sealed unsafe class DirectConvolution : Convolution
{
    // Pixels computed at once.
    private const int Pixels = 8;

    // Dimensions: block of 16 output channels, kernel row, kernel column and input channel, output channel.
    private readonly AlignedFloats _weights;

    public DirectConvolution(ConvLayer layer) : base(layer)
    {
        var taps = layer.Kernel * layer.Kernel;
        _weights = new AlignedFloats(layer.Out * layer.In * taps);
        for (var o = 0; o < layer.Out; o++)
        {
            for (var i = 0; i < layer.In * taps; i++)
                _weights.Start[((o / Microkernel.Columns * taps + i % taps) * layer.In + i / taps) * Microkernel.Columns
                    + o % Microkernel.Columns] = layer.Weights[o * layer.In * taps + i];
        }
    }

    public override int BandRows => 4;

    public override int ScratchLength => Pixels * Microkernel.Columns;

    public override void Run(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch)
    {
        int kernel = Layer.Kernel, length = kernel * Layer.In, block = kernel * length * Microkernel.Columns;
        var segments = stackalloc nint[kernel];
        for (var k = 0; k < kernel; k++)
            segments[k] = k * row;
        for (var y = band * BandRows; y < Math.Min((band + 1) * BandRows, height); y++)
        {
            var first = from + (y * Layer.Stride - Reach) * row - Reach * Layer.In;
            for (var o = 0; o < Layer.Out; o += Microkernel.Columns)
            {
                for (var x = 0; x < width; x += Pixels)
                {
                    nint pixel = Layer.Stride * Layer.In;
                    Microkernel.Rows(Pixels, first + x * pixel, pixel, segments, kernel, length,
                        _weights.Start + o / Microkernel.Columns * block, scratch.Sums.Start, Microkernel.Columns);
                    Put(scratch.Sums.Start, to, x, Math.Min(Pixels, width - x), y, o);
                }
            }
        }
    }

    /// <summary>Writes the sums of some pixels of a row, 16 channels each, to the output.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Put(float* sums, LayerOutput to, int x, int pixels, int y, int channel)
    {
        for (var half = 0; half < Microkernel.Columns; half += Lanes8.Count)
        {
            for (var copy = 0; copy < to.Copies; copy++)
            {
                var row = to.Row<Lanes8>(y * to.Copies + copy, channel + half);
                for (nint i = 0; i < pixels; i++)
                {
                    var sum = Lanes8.Load(sums + i * Microkernel.Columns + half);
                    for (nint across = 0; across < to.Copies; across++)
                        row.Put(sum, (x + i) * to.Copies + across);
                }
            }
        }
    }
}
