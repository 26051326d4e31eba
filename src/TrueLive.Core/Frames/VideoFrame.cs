using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace TrueLive.Core.Frames;

/// <summary>
/// One picture in planar I420 (8 bit, 4:2:0): a full-size luma plane and two half-size chroma planes, rows padded to <see cref="StrideY"/>
/// and <see cref="StrideC"/> bytes. Memory is pooled and pinned, so a pointer to a plane stays valid until the last holder disposes. Frames
/// are reference-counted: call <see cref="Retain"/> to keep one beyond a call; each holder disposes once.
/// </summary>
public sealed class VideoFrame : IDisposable
{
    private readonly FramePool _pool;
    private int _holders;

    internal VideoFrame(FramePool pool, byte[] pinned, int width, int height)
    {
        _pool = pool;
        Buffer = pinned;
        Width = width;
        Height = height;
        StrideY = FramePool.Align(width);
        StrideC = FramePool.Align((width + 1) / 2);
    }

    /// <summary>Width in pixels, 1..8192. Odd sizes round chroma up.</summary>
    public int Width { get; }

    /// <summary>Height in pixels, 1..8192.</summary>
    public int Height { get; }

    /// <summary>Bytes between luma rows.</summary>
    public int StrideY { get; }

    /// <summary>Bytes between chroma rows.</summary>
    public int StrideC { get; }

    /// <summary>How the samples map to colour; set by whoever fills the frame.</summary>
    public ColourSpace Colour { get; set; }

    /// <summary>
    /// The ticket of an input frame: set by its source, completed by later stages. The ticket of a picture that a model made is in its
    /// <see cref="MadeFrame"/>.
    /// </summary>
    public FrameTicket Ticket { get; set; }

    /// <summary>Luma rows, <c>StrideY * Height</c> bytes.</summary>
    public Span<byte> Y => Plane(0, StrideY * Height);

    /// <summary>Cb rows, <c>StrideC * ChromaHeight</c> bytes.</summary>
    public Span<byte> U => Plane(StrideY * Height, StrideC * ChromaHeight);

    /// <summary>Cr rows, <c>StrideC * ChromaHeight</c> bytes.</summary>
    public Span<byte> V => Plane(StrideY * Height + StrideC * ChromaHeight, StrideC * ChromaHeight);

    /// <summary>Chroma width: half the width, rounded up.</summary>
    public int ChromaWidth => (Width + 1) / 2;

    /// <summary>Chroma height: half the height, rounded up.</summary>
    public int ChromaHeight => (Height + 1) / 2;

    internal byte[] Buffer { get; }

    /// <summary>Adds a holder and returns the same frame.</summary>
    /// <exception cref="ObjectDisposedException">The last holder is already gone.</exception>
    public VideoFrame Retain()
    {
        if (Interlocked.Increment(ref _holders) <= 1)
        {
            Interlocked.Decrement(ref _holders);
            throw new ObjectDisposedException(nameof(VideoFrame));
        }
        return this;
    }

    /// <summary>Gives up one hold; the last one returns the memory to its pool.</summary>
    /// <exception cref="ObjectDisposedException">Disposed more often than held.</exception>
    public void Dispose()
    {
        var left = Interlocked.Decrement(ref _holders);
        if (left == 0)
            _pool.Return(this);
        else
            ObjectDisposedException.ThrowIf(left < 0, this);
    }

    internal void Hand() => Volatile.Write(ref _holders, 1);

    private Span<byte> Plane(int offset, int length)
    {
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _holders) <= 0, this);
        return MemoryMarshal.CreateSpan(ref Unsafe.Add(ref MemoryMarshal.GetArrayDataReference(Buffer), offset), length);
    }
}
