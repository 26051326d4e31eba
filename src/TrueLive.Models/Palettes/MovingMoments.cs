using System.Runtime.InteropServices;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Palettes;

/// <summary>
/// The moments of a stream's pictures, averaged over the last seconds, so that what passes through the picture does not change the colours
/// of all of it. They begin anew at a cut and while a new prompt comes into force, and follow faster what changes the picture as a whole: a
/// fade, or light that comes up.
/// </summary>
internal sealed class MovingMoments
{
    private const int Side = 8;
    private const int Tiles = Side * Side;
    private const int Planes = 3;

    // Rows and columns between the samples that the mean of a tile is of.
    private const int Apart = 3;

    // Time in which two thirds of a change are followed.
    private static readonly TimeSpan Memory = TimeSpan.FromSeconds(2);

    // Times of a stream lie well within.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(10_000);

    // Numbers in a memory: means and products of samples lie well within.
    private const double Most = 2;

    // A picture of one colour says nothing of the colours of a scene: a lens that is covered, or a fade to black.
    private const double Flat = 0.01 * 0.01;

    // A cut changes many tiles by many levels, and many more than change in each picture anyway, as where a camera pans.
    private const int Changed = 12;
    private const int CutTiles = Tiles / 4;

    // Levels by which the light or colour of the whole picture may be off before it is followed within the time below.
    private const double Near = 8;
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(0.1);

    // Levels by which the whole picture changed since it was followed, in each plane.
    private readonly float[] _off = new float[Planes];
    private float[] _last = new float[Planes * Tiles];
    private float[] _next = new float[Planes * Tiles];
    private ColourMoments _average;

    // How many tiles change from one picture to the next.
    private double _busy;

    // Ticks: of the last picture, of the first in the average, and of the end of the last prompt's transition.
    private long _at;
    private long _since;
    private long _settled;
    private long _revision;
    private bool _begun;

    /// <summary>The average with the next picture; null while there was none that counts.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="captured">Its time.</param>
    /// <param name="prompt">The prompt that it was made under; while a new one comes into force, nothing is averaged.</param>
    public ColourMoments? With(VideoFrame picture, TimeSpan captured, Prompt prompt)
    {
        var moments = ColourMoments.Of(picture);
        if (moments.YY + moments.CbCb + moments.CrCr < Flat)
            return _begun ? _average : null;
        Light(picture.Y, picture.StrideY, picture.Width, picture.Height, _next.AsSpan(0, Tiles));
        Light(picture.U, picture.StrideC, picture.ChromaWidth, picture.ChromaHeight, _next.AsSpan(Tiles, Tiles));
        Light(picture.V, picture.StrideC, picture.ChromaWidth, picture.ChromaHeight, _next.AsSpan(2 * Tiles));
        var changed = Compare();
        var share = ShareOf(captured.Ticks, prompt, changed);
        _average = share >= 1 ? moments : ColourMoments.Between(_average, moments, share);
        foreach (ref var off in _off.AsSpan())
            off *= (float)(1 - share);
        _busy += share * (changed - _busy);
        (_last, _next) = (_next, _last);
        (_at, _begun) = (captured.Ticks, true);
        return _average;
    }

    public void Forget()
    {
        (_average, _busy, _at, _since, _settled, _revision, _begun) = (default, 0, 0, 0, 0, 0, false);
        Array.Clear(_last);
        Array.Clear(_off);
    }

    public void Save(BinaryWriter to)
    {
        to.Write(_at);
        to.Write(_since);
        to.Write(_settled);
        to.Write(_revision);
        to.Write(_begun);
        to.Write(_busy);
        to.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<ColourMoments>(in _average)));
        to.Write(MemoryMarshal.AsBytes(_last.AsSpan()));
        to.Write(MemoryMarshal.AsBytes(_off.AsSpan()));
    }

    /// <summary>What <see cref="Save"/> wrote.</summary>
    /// <exception cref="InvalidDataException">It is none.</exception>
    /// <exception cref="EndOfStreamException">It is cut off.</exception>
    public static MovingMoments Recall(BinaryReader from)
    {
        var moments = new MovingMoments
        {
            _at = from.ReadInt64(),
            _since = from.ReadInt64(),
            _settled = from.ReadInt64(),
            _revision = from.ReadInt64(),
            _begun = from.ReadBoolean(),
            _busy = from.ReadDouble(),
        };
        var numbers = new double[ColourMoments.Count];
        from.BaseStream.ReadExactly(MemoryMarshal.AsBytes(numbers.AsSpan()));
        from.BaseStream.ReadExactly(MemoryMarshal.AsBytes(moments._last.AsSpan()));
        from.BaseStream.ReadExactly(MemoryMarshal.AsBytes(moments._off.AsSpan()));
        moments._average = MemoryMarshal.Cast<double, ColourMoments>(numbers)[0];
        ReadOnlySpan<long> times = [moments._at, moments._since, moments._settled];
        return times.ContainsAnyExceptInRange(-Longest.Ticks, Longest.Ticks) || numbers.AsSpan().ContainsAnyExceptInRange(-Most, Most)
            || moments._last.AsSpan().ContainsAnyExceptInRange(0, 255) || moments._off.AsSpan().ContainsAnyExceptInRange(-255, 255)
            || moments._busy is not (>= 0 and <= Tiles)
            ? throw new InvalidDataException("An average is out of range.")
            : moments;
    }

    // How much the next picture counts: first as in a mean of all, then as in one over the last seconds, and more where all of it is off.
    private double ShareOf(long captured, Prompt prompt, int changed)
    {
        if (!_begun || prompt.Revision != _revision)
            (_revision, _settled) = (prompt.Revision, captured + prompt.Transition.Ticks);
        double passed = captured - _at, age = Math.Min(_at - _since, Memory.Ticks);
        if (!_begun || passed < 0 || captured <= _settled || changed > CutTiles + _busy)
            _since = captured;
        else if (passed + age > 0)
        {
            var near = Near / Math.Max(Near, Math.Max(Math.Abs(_off[0]), Math.Max(Math.Abs(_off[1]), Math.Abs(_off[2]))));
            return Math.Max(passed / (passed + age), (1 - near * near) * passed / (passed + Soon.Ticks));
        }
        return 1;
    }

    // Counts the tiles that changed. What passes through the picture, and a camera that pans, leave the median of the changes where it is.
    private int Compare()
    {
        Span<float> most = stackalloc float[Tiles], change = stackalloc float[Tiles];
        most.Clear();
        for (var plane = 0; plane < Planes; plane++)
        {
            for (var i = 0; i < Tiles; i++)
            {
                change[i] = _next[plane * Tiles + i] - _last[plane * Tiles + i];
                most[i] = Math.Max(most[i], Math.Abs(change[i]));
            }
            change.Sort();
            _off[plane] = Math.Clamp(_off[plane] + (change[Tiles / 2 - 1] + change[Tiles / 2]) / 2, -255, 255);
        }
        var changed = 0;
        foreach (var levels in most)
            changed += levels > Changed ? 1 : 0;
        return changed;
    }

    // The mean of each tile.
    private static void Light(ReadOnlySpan<byte> plane, int stride, int width, int height, Span<float> into)
    {
        Span<int> sums = stackalloc int[Tiles], counts = stackalloc int[Tiles];
        sums.Clear();
        counts.Clear();
        var apart = Math.Clamp(Math.Min(width, height) / Side, 1, Apart);
        for (var y = 0; y < height; y += apart)
        {
            var row = plane.Slice(y * stride, width);
            var tiles = y * Side / height * Side;
            for (var x = 0; x < width; x += apart)
            {
                var tile = tiles + x * Side / width;
                sums[tile] += row[x];
                counts[tile]++;
            }
        }
        for (var i = 0; i < Tiles; i++)
            into[i] = (float)sums[i] / Math.Max(1, counts[i]);
    }
}
