using System.Runtime.InteropServices;

namespace TrueLive.Models.Convolutions;

/// <summary>
/// Floats aligned to 64 bytes, so that a vector of 16 never crosses a cache line. Initially zero.
/// </summary>
internal sealed unsafe class AlignedFloats
{
    private const int Alignment = 64;

    private readonly float[] _all;

    public AlignedFloats(int length)
    {
        _all = GC.AllocateArray<float>(length + Alignment / sizeof(float), pinned: true);
        var at = (nuint)Marshal.UnsafeAddrOfPinnedArrayElement(_all, 0);
        Start = (float*)((at + Alignment - 1) & ~(nuint)(Alignment - 1));
        Length = length;
    }

    /// <summary>The first float; valid while this object is alive.</summary>
    public float* Start { get; }

    public int Length { get; }

    public Span<float> Span => new(Start, Length);
}

/// <summary>
/// The output of a layer: the channels of a pixel are contiguous, and a margin of zeros surrounds the picture, so that a kernel can read
/// past every edge without a check.
/// </summary>
internal sealed unsafe class Activation
{
    /// <summary>Zeros left of and above the picture: as many as a 3x3 kernel with dilation 2 reads.</summary>
    public const int Margin = 2;

    // More on the right and below: eight pixels are computed at once, and the seven that may lie past the edge read 14 input pixels at
    // stride 2, plus the kernel.
    private const int Overhang = 16;

    private readonly AlignedFloats _floats;

    /// <summary>Bytes that an activation of this size takes.</summary>
    public static long Bytes(int width, int height, int channels) =>
        (long)(Margin + width + Overhang) * (Margin + height + Overhang) * channels * sizeof(float);

    public Activation(int width, int height, int channels)
    {
        (Width, Height, Channels) = (width, height, channels);
        Row = (Margin + width + Overhang) * channels;
        _floats = new AlignedFloats((int)(Bytes(width, height, channels) / sizeof(float)));
        Start = _floats.Start + Margin * Row + Margin * channels;
    }

    public int Width { get; }

    public int Height { get; }

    public int Channels { get; }

    /// <summary>Floats from one row to the next.</summary>
    public int Row { get; }

    /// <summary>The first channel of the pixel at 0, 0.</summary>
    public float* Start { get; }
}
