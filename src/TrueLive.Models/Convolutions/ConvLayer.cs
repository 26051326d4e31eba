namespace TrueLive.Models.Convolutions;

/// <summary>
/// One convolution and the operators after it: <c>relu(double(conv(input) * scale + shift) + residual)</c>, each part only if the graph
/// has it.
/// </summary>
/// <param name="Input">The layer whose output it reads; -1 for the picture's planes.</param>
/// <param name="In">Channels that it reads.</param>
/// <param name="Out">Channels that it writes, a multiple of 16.</param>
/// <param name="Kernel">Side of the kernel: 1 or 3.</param>
/// <param name="Stride">1 or 2.</param>
/// <param name="Dilation">1 or 2.</param>
/// <param name="Weights">Out x In x Kernel x Kernel.</param>
/// <param name="Bias">One number per output channel.</param>
internal sealed record ConvLayer(int Input, int In, int Out, int Kernel, int Stride, int Dilation, float[] Weights, float[] Bias)
{
    /// <summary>The tensor of the style that every channel is multiplied with; null for none.</summary>
    public string? Scale { get; init; }

    /// <summary>The tensor of the style that is added to every channel; null for none.</summary>
    public string? Shift { get; init; }

    /// <summary>Whether the screen is added: a pattern over all channels that is repeated across the picture.</summary>
    public bool Screened { get; init; }

    /// <summary>Whether width and height of the output are doubled: each pixel becomes a square of four.</summary>
    public bool Doubled { get; init; }

    /// <summary>The layer whose output is added; null for none.</summary>
    public int? Residual { get; init; }

    public bool Relu { get; init; }

    /// <summary>How many times smaller than the picture a side of the output is.</summary>
    public int Divide { get; init; } = 1;
}
