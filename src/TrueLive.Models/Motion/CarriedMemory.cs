using System.Numerics;
using System.Runtime.InteropServices;
using TrueLive.Core.Frames;

namespace TrueLive.Models.Motion;

/// <summary>
/// Moves the planes of a memory to where their content is in the next picture, block by block. Bilinear; content from beyond the border
/// repeats the border, and the model must reject it: it sees that the picture differs there.
/// </summary>
internal sealed class CarriedMemory
{
    private readonly BlockMotion _motion;
    private readonly int _width;
    private readonly int _height;
    private bool _known;

    public CarriedMemory(int width, int height)
    {
        (_width, _height) = (width, height);
        _motion = new BlockMotion(width, height);
    }

    /// <summary>Bytes of a snapshot.</summary>
    public int SnapshotLength => 1 + _width * _height;

    /// <summary>
    /// Takes the picture of the next step. True if its content has moved since the previous picture, so that the memory must move.
    /// </summary>
    /// <param name="picture">The picture.</param>
    /// <param name="helped">Whether another thread may help with the search.</param>
    public bool Push(VideoFrame picture, bool helped = false)
    {
        _motion.Push(picture.Y, picture.StrideY);
        var moved = _known && _motion.Search(helped);
        _known = true;
        return moved;
    }

    /// <summary>Forgets the last picture.</summary>
    public void Reset() => _known = false;

    /// <summary>Writes the last picture; <paramref name="into"/> has <see cref="SnapshotLength"/> bytes.</summary>
    public void Snapshot(Span<byte> into)
    {
        into[0] = _known ? (byte)1 : (byte)0;
        _motion.CopyLast(into[1..]);
    }

    /// <summary>Continues from a snapshot.</summary>
    public void Restore(ReadOnlySpan<byte> from)
    {
        _known = from[0] != 0;
        _motion.Push(from.Slice(1, _width * _height), _width);
    }

    /// <summary>Moves planes of the picture's size as <see cref="Push"/> found it.</summary>
    /// <param name="from">Planes as the last step left them.</param>
    /// <param name="to">Planes for the next step.</param>
    public void Carry(ReadOnlySpan<float> from, Span<float> to)
    {
        for (var row = 0; row < _motion.Rows; row++)
            Carry(from, to, row);
    }

    /// <summary>Moves the part of the planes that one row of blocks covers.</summary>
    public void Carry(ReadOnlySpan<float> from, Span<float> to, int row)
    {
        var motions = _motion.Motion.AsSpan(row * _motion.Columns, _motion.Columns);
        // Adjacent blocks with the same motion are moved together.
        for (int column = 0, run; column < motions.Length; column += run)
        {
            run = motions[column..].IndexOfAnyExcept(motions[column]) is > 0 and var other ? other : motions.Length - column;
            var x = column * BlockMotion.Block;
            for (var plane = 0; plane + _width * _height <= from.Length; plane += _width * _height)
                Move(from.Slice(plane, _width * _height), to.Slice(plane, _width * _height), x, row * BlockMotion.Block,
                    Math.Min(run * BlockMotion.Block, _width - x), motions[column]);
        }
    }

    private void Move(ReadOnlySpan<float> source, Span<float> target, int x, int y, int w, (sbyte X, sbyte Y) motion)
    {
        int fromX = x + (motion.X >> 2), fromY = y + (motion.Y >> 2);
        float partX = (motion.X & 3) / 4f, partY = (motion.Y & 3) / 4f;
        // Between these, both neighbours of a sample are inside the picture.
        int first = Math.Clamp(-fromX, 0, w), end = Math.Clamp(_width - 1 - fromX, first, w);
        for (var i = 0; i < Math.Min(BlockMotion.Block, _height - y); i++)
        {
            var upper = source.Slice(Math.Clamp(fromY + i, 0, _height - 1) * _width, _width);
            var lower = source.Slice(Math.Clamp(fromY + i + 1, 0, _height - 1) * _width, _width);
            var into = target.Slice((y + i) * _width + x, w);
            for (var at = 0; at < first; at++)
                into[at] = upper[0] + (lower[0] - upper[0]) * partY;
            for (var at = end; at < w; at++)
            {
                int left = Math.Clamp(fromX + at, 0, _width - 1), right = Math.Clamp(fromX + at + 1, 0, _width - 1);
                var top = upper[left] + (upper[right] - upper[left]) * partX;
                into[at] = top + (lower[left] + (lower[right] - lower[left]) * partX - top) * partY;
            }
            if (first == end)
                continue;
            if ((motion.X & 3 | motion.Y & 3) == 0)
                upper[(fromX + first)..(fromX + end)].CopyTo(into[first..]);
            else
                Blend(upper[(fromX + first)..], lower[(fromX + first)..], into[first..end], partX, partY);
        }
    }

    // Both rows have one sample more than the result.
    private static void Blend(ReadOnlySpan<float> upper, ReadOnlySpan<float> lower, Span<float> into, float partX, float partY)
    {
        ref var a = ref MemoryMarshal.GetReference(upper);
        ref var b = ref MemoryMarshal.GetReference(lower);
        var at = 0;
        for (; at + Vector<float>.Count <= into.Length; at += Vector<float>.Count)
        {
            var top = Between(Vector.LoadUnsafe(ref a, (nuint)at), Vector.LoadUnsafe(ref a, (nuint)at + 1), partX);
            var bottom = Between(Vector.LoadUnsafe(ref b, (nuint)at), Vector.LoadUnsafe(ref b, (nuint)at + 1), partX);
            Between(top, bottom, partY).CopyTo(into[at..]);
        }
        for (; at < into.Length; at++)
        {
            var top = upper[at] + (upper[at + 1] - upper[at]) * partX;
            into[at] = top + (lower[at] + (lower[at + 1] - lower[at]) * partX - top) * partY;
        }
    }

    private static Vector<float> Between(Vector<float> a, Vector<float> b, float part) => a + (b - a) * part;
}
