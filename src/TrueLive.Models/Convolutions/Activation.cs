using System.Runtime.InteropServices;

namespace TrueLive.Models.Convolutions;

/// <summary>
/// Floats whose first one lies at a multiple of 64 bytes, where a vector of 16 never crosses a line of the cache. Zero at first.
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

    /// <summary>The first one; valid as long as this object is.</summary>
    public float* Start { get; }

    public int Length { get; }

    public Span<float> Span => new(Start, Length);
}

/// <summary>
/// What a layer puts out: all channels of a pixel beside each other, and around the picture a margin of zeros, so that a kernel reads
/// past every edge without asking.
/// </summary>
internal sealed unsafe class Activation
{
    /// <summary>Zeros left of and above the picture: what a kernel of 3 with dilation 2 reads.</summary>
    public const int Margin = 2;

    // More on the right and below: of eight pixels made at once, seven may lie past the edge, which reads 14 input pixels and the kernel.
    private const int Overhang = 16;

    private readonly AlignedFloats _floats;

    /// <summary>Bytes that one takes.</summary>
    public static long Bytes(int width, int height, int channels) => (long)(Margin + width + Overhang) * (Margin + height + Overhang) * channels * sizeof(float);

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
