namespace TrueLive.Models.Convolutions;

/// <summary>
/// One convolution with what follows it: <c>relu(double(conv(input) * scale + shift) + residual)</c>, each part where the graph has it.
/// </summary>
/// <param name="Input">The layer whose output it reads; -1 for the picture's planes.</param>
/// <param name="In">Channels that it reads.</param>
/// <param name="Out">Channels that it makes, a multiple of 16.</param>
/// <param name="Kernel">Side of the kernel: 1 or 3.</param>
/// <param name="Stride">1 or 2.</param>
/// <param name="Dilation">1 or 2.</param>
/// <param name="Weights">Out x In x Kernel x Kernel.</param>
/// <param name="Bias">One number for each channel out.</param>
internal sealed record ConvLayer(int Input, int In, int Out, int Kernel, int Stride, int Dilation, float[] Weights, float[] Bias)
{
    /// <summary>The tensor of the style that every channel is multiplied with; null for none.</summary>
    public string? Scale { get; init; }

    /// <summary>The tensor of the style that is added to every channel; null for none.</summary>
    public string? Shift { get; init; }

    /// <summary>Whether the screen is added: a pattern of all channels that is repeated over the picture.</summary>
    public bool Screened { get; init; }

    /// <summary>Whether each pixel becomes a square of four.</summary>
    public bool Doubled { get; init; }

    /// <summary>The layer whose output is added; null for none.</summary>
    public int? Residual { get; init; }

    public bool Relu { get; init; }

    /// <summary>How many times smaller than the picture a side of the output is.</summary>
    public int Divide { get; init; } = 1;
}
