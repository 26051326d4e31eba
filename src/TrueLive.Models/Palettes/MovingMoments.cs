using System.Runtime.InteropServices;
using TrueLive.Core.Frames;

namespace TrueLive.Models.Palettes;

/// <summary>
/// The moments of a stream's pictures, averaged over the last seconds, so that what passes through the picture does not change the colours
/// of all of it. They begin anew at a cut.
/// </summary>
internal sealed class MovingMoments
{
    /// <summary>Length of what <see cref="Save"/> writes.</summary>
    public const int SavedLength = ColourMoments.Count * sizeof(double) + sizeof(long) + Tiles + 1;

    private const int Side = 8;
    private const int Tiles = Side * Side;

    // Rows and columns between the samples that the mean of a tile is of.
    private const int Apart = 3;

    // Time in which two thirds of a change are followed.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(2);

    // A picture of one colour says nothing of the colours of a scene: a lens that is covered, or a fade to black.
    private const double Flat = 0.01 * 0.01;

    // A cut changes the light of many tiles at once, what moves that of few: within scenes that were looked at it changed at most 17 %.
    private const int Changed = 12;
    private const int CutTiles = Tiles / 4;

    private ColourMoments _average;
    private TimeSpan _at;
    private byte[] _last = new byte[Tiles];
    private byte[] _next = new byte[Tiles];
    private bool _begun;

    /// <summary>The average with the next picture; null while there was none that counts.</summary>
    public ColourMoments? With(VideoFrame picture, TimeSpan captured)
    {
        var moments = ColourMoments.Of(picture);
        if (moments.YY + moments.CbCb + moments.CrCr < Flat)
            return _begun ? _average : null;
        Light(picture, _next);
        var passed = captured - _at;
        _average = !_begun || passed < TimeSpan.Zero || IsCut() ? moments
            // In numbers that every machine rounds alike.
            : ColourMoments.Between(_average, moments, (double)passed.Ticks / (passed + Memory).Ticks);
        (_last, _next) = (_next, _last);
        (_at, _begun) = (captured, true);
        return _average;
    }

    public void Forget() => _begun = false;

    public void Save(Span<byte> into)
    {
        MemoryMarshal.Write(into, _average);
        MemoryMarshal.Write(into[(ColourMoments.Count * sizeof(double))..], _at.Ticks);
        _last.CopyTo(into[^(Tiles + 1)..]);
        into[^1] = (byte)(_begun ? 1 : 0);
    }

    public void Recall(ReadOnlySpan<byte> from)
    {
        _average = MemoryMarshal.Read<ColourMoments>(from);
        _at = new TimeSpan(MemoryMarshal.Read<long>(from[(ColourMoments.Count * sizeof(double))..]));
        from.Slice(SavedLength - Tiles - 1, Tiles).CopyTo(_last);
        _begun = from[SavedLength - 1] != 0;
    }

    private bool IsCut()
    {
        var changed = 0;
        for (var i = 0; i < Tiles; i++)
            changed += Math.Abs(_next[i] - _last[i]) > Changed ? 1 : 0;
        return changed > CutTiles;
    }

    // The mean luma of each tile.
    private static void Light(VideoFrame frame, Span<byte> into)
    {
        Span<int> sums = stackalloc int[Tiles], counts = stackalloc int[Tiles];
        sums.Clear();
        counts.Clear();
        for (var y = 0; y < frame.Height; y += Apart)
        {
            var row = frame.Y.Slice(y * frame.StrideY, frame.Width);
            var tiles = y * Side / frame.Height * Side;
            for (var x = 0; x < row.Length; x += Apart)
            {
                var tile = tiles + x * Side / row.Length;
                sums[tile] += row[x];
                counts[tile]++;
            }
        }
        for (var i = 0; i < Tiles; i++)
            into[i] = (byte)(sums[i] / Math.Max(1, counts[i]));
    }
}
