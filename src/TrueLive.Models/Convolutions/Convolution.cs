namespace TrueLive.Models.Convolutions;

/// <summary>Scratch memory of one thread.</summary>
internal sealed class Scratch(int length)
{
    /// <summary>Bytes that the scratch memory of one thread takes.</summary>
    public static long Bytes(int length) => 2L * length * sizeof(float);

    public AlignedFloats Input { get; } = new(length);

    public AlignedFloats Sums { get; } = new(length);
}

/// <summary>
/// The packed weights of a layer, which computes its output a band of rows at a time. Bands may be computed in any order and in parallel;
/// each number is the sum of the same products in the same order, whatever the number of threads.
/// </summary>
internal abstract unsafe class Convolution(ConvLayer layer)
{
    /// <summary>The implementation that does the least work for a layer.</summary>
    public static Convolution Of(ConvLayer layer) =>
        layer.Input < 0 ? new StemConvolution(layer) : layer is { Kernel: 3, Stride: 1 } ? new WinogradConvolution(layer)
            : new DirectConvolution(layer);

    public ConvLayer Layer { get; } = layer;

    /// <summary>Rows of a band, before upsampling.</summary>
    public abstract int BandRows { get; }

    /// <summary>Input rows that a band reads above its first and below its last one.</summary>
    public int Reach => Layer.Kernel / 2 * Layer.Dilation;

    /// <summary>Floats that each of a thread's two scratch buffers must hold.</summary>
    public abstract int ScratchLength { get; }

    /// <summary>Computes one band; rows past the end of the picture are left out.</summary>
    /// <param name="from">The first number of the input.</param>
    /// <param name="row">Stride of its rows, in floats.</param>
    /// <param name="to">Where the sums go.</param>
    /// <param name="width">Width of the convolution's output, before upsampling.</param>
    /// <param name="height">Height of the convolution's output, before upsampling.</param>
    /// <param name="band">Which band.</param>
    /// <param name="scratch">Scratch memory that no other thread uses.</param>
    public abstract void Run(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch);
}
