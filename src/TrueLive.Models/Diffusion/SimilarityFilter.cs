using System.Runtime.InteropServices;
using TrueLive.Core.Frames;

namespace TrueLive.Models.Diffusion;

/// <summary>
/// Shows the last picture again for frames that are much like the one that it was made of: StreamDiffusion's stochastic similarity filter
/// (arXiv:2312.12491) on luma at an eighth of the size. The chance is drawn from seed and frame number, so the same frames are repeated
/// each time. A picture is repeated under the prompt, words and values that made it only: any change is made anew.
/// </summary>
internal sealed class SimilarityFilter(int width, int height, int words, FramePool pool) : IDisposable
{
    /// <summary>Repeats in a row after which a picture is made whatever the frame looks like.</summary>
    public const int MostInARow = 10;

    private readonly float[] _luma = new float[(width / 8) * (height / 8)];
    private readonly float[] _made = new float[(width / 8) * (height / 8)];
    private readonly float[] _words = new float[words];
    private VideoFrame? _shown;
    private long _revision;
    private int _repeats;

    /// <summary>The picture to show again, held once more for the caller; null where the frame has to be made.</summary>
    /// <param name="frame">At the session's size.</param>
    /// <param name="sequence">Its number within its source.</param>
    /// <param name="threshold">Cosine of two frames from which on a repeat is possible; 1 for never.</param>
    /// <param name="seed">Of the chance.</param>
    /// <param name="revision">Of the prompt in force.</param>
    /// <param name="words">The words in force.</param>
    public VideoFrame? Repeat(VideoFrame frame, long sequence, double threshold, ulong seed, long revision, ReadOnlySpan<float> words)
    {
        if (threshold >= 1)
        {
            Forget();
            return null;
        }
        Shrink(frame, _luma);
        if (_shown is null || _revision != revision || _repeats >= MostInARow || !words.SequenceEqual(_words)
            || 1 - (1 - Cosine(_luma, _made)) / (1 - threshold) <= GaussianNoise.Uniform(seed, (ulong)sequence))
            return null;
        _repeats++;
        return _shown.Retain();
    }

    /// <summary>The frame that was asked about last has been made.</summary>
    public void Keep(VideoFrame picture, long revision, ReadOnlySpan<float> words)
    {
        _shown?.Dispose();
        _shown = picture.Retain();
        _luma.CopyTo(_made, 0);
        words.CopyTo(_words);
        (_revision, _repeats) = (revision, 0);
    }

    public void Forget()
    {
        _shown?.Dispose();
        _shown = null;
    }

    public void Save(BinaryWriter to)
    {
        to.Write(_shown is not null);
        if (_shown is not { } shown)
            return;
        to.Write(_revision);
        to.Write(_repeats);
        to.Write((byte)shown.Colour.Matrix);
        to.Write(shown.Colour.FullRange);
        to.Write(MemoryMarshal.AsBytes(_made.AsSpan()));
        to.Write(MemoryMarshal.AsBytes(_words.AsSpan()));
        to.Write(shown.Y);
        to.Write(shown.U);
        to.Write(shown.V);
    }

    /// <exception cref="EndOfStreamException">It is not what <see cref="Save"/> wrote at this size.</exception>
    public void Recall(BinaryReader from)
    {
        Forget();
        if (!from.ReadBoolean())
            return;
        (_revision, _repeats) = (from.ReadInt64(), from.ReadInt32());
        var colour = new ColourSpace((ColourMatrix)from.ReadByte(), from.ReadBoolean());
        from.ReadExactly(MemoryMarshal.AsBytes(_made.AsSpan()));
        from.ReadExactly(MemoryMarshal.AsBytes(_words.AsSpan()));
        var shown = pool.Rent(width, height);
        try
        {
            shown.Colour = colour;
            from.ReadExactly(shown.Y);
            from.ReadExactly(shown.U);
            from.ReadExactly(shown.V);
            _shown = shown;
        }
        catch
        {
            shown.Dispose();
            throw;
        }
    }

    public void Dispose() => Forget();

    // Means of squares of eight, in -1..1 as StreamDiffusion's pictures are: of numbers that are all positive, any two frames are alike.
    private static void Shrink(VideoFrame frame, Span<float> into)
    {
        var (black, white) = frame.Colour.FullRange ? (0, 255) : (16, 235);
        for (int y = 0, at = 0; y + 8 <= frame.Height; y += 8)
        {
            for (var x = 0; x + 8 <= frame.Width; x += 8, at++)
            {
                var sum = 0;
                for (var row = 0; row < 8; row++)
                {
                    foreach (var luma in frame.Y.Slice((y + row) * frame.StrideY + x, 8))
                        sum += luma;
                }
                into[at] = 2 * (sum / 64f - black) / (white - black) - 1;
            }
        }
    }

    private static double Cosine(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        double product = 0, first = 0, second = 0;
        for (var i = 0; i < a.Length; i++)
            (product, first, second) = (product + a[i] * b[i], first + a[i] * a[i], second + b[i] * b[i]);
        return first * second > 0 ? product / Math.Sqrt(first * second) : first == second ? 1 : 0;
    }
}
