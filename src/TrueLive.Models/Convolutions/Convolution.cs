namespace TrueLive.Models.Convolutions;

/// <summary>Scratch memory of one thread.</summary>
internal sealed class Scratch(int length)
{
    /// <summary>Bytes that one takes.</summary>
    public static long Bytes(int length) => 2L * length * sizeof(float);

    public AlignedFloats Input { get; } = new(length);

    public AlignedFloats Sums { get; } = new(length);
}

/// <summary>
/// The packed weights of a layer, and how its output is made, a band of rows at a time. Bands may be made in any order and at the same
/// time;
/// each number is the sum of the same products in the same order, however many threads there are.
/// </summary>
internal abstract unsafe class Convolution(ConvLayer layer)
{
    /// <summary>The way that does the least work for a layer.</summary>
    public static Convolution Of(ConvLayer layer) =>
        layer.Input < 0 ? new StemConvolution(layer) : layer is { Kernel: 3, Stride: 1 } ? new WinogradConvolution(layer) : new DirectConvolution(layer);

    public ConvLayer Layer { get; } = layer;

    /// <summary>Rows of a band of the convolution, before a doubling.</summary>
    public abstract int BandRows { get; }

    /// <summary>Rows of the input that a band reads before its first and after its last one, in rows of the input.</summary>
    public int Reach => Layer.Kernel / 2 * Layer.Dilation;

    /// <summary>Floats that each of a thread's two scratch buffers must hold.</summary>
    public abstract int ScratchLength { get; }

    /// <summary>Makes one band; rows past the end of the picture are left out.</summary>
    /// <param name="from">The first number of the input.</param>
    /// <param name="row">Numbers from one row of it to the next.</param>
    /// <param name="to">Where the sums go.</param>
    /// <param name="width">Width of the convolution's output, before a doubling.</param>
    /// <param name="height">Height of it.</param>
    /// <param name="band">Which band.</param>
    /// <param name="scratch">This thread's.</param>
    public abstract void Run(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch);
}
