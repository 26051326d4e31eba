using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TrueLive.Models.Threads;

namespace TrueLive.Models.Motion;

/// <summary>
/// Where each block of 16x16 pixels came from in the previous picture: block matching by the sum of absolute differences on luma,
/// coarse to fine, refined to quarter pixels from the costs next to the best one. A block moves only if that clearly costs less than
/// zero motion, so that noise on a still picture is not taken for motion; flat blocks take the motion that most moving blocks share.
/// training/motion.py does the same with an exhaustive search.
/// </summary>
internal sealed class BlockMotion
{
    /// <summary>Side of a block in pixels.</summary>
    public const int Block = 16;

    private const int Fine = 3;
    private const int CoarseStep = 4;
    private const int CoarseReach = 4;
    private const int CoarseWindow = 8;

    // Cost of each step away from zero motion in the coarse search, so that the shorter of two equal motions wins.
    private const int Short = 8;

    /// <summary>The longest motion along an axis, in pixels.</summary>
    public const int Reach = CoarseReach * CoarseStep + Fine;

    // By how much zero motion must be worse, per pixel in 1/255 and as a share, before a block moves.
    private const int Pull = Block * Block;
    private const double Save = 0.8;
    private const double SharedSave = 0.95;

    // A search reads this far beyond a picture: its reach, one pixel for the costs next to the best, one for interpolation, and the rest
    // of a block that the picture ends in.
    private const int Border = Reach + 2 + Block;

    private const int CoarseBorder = CoarseReach + CoarseWindow;

    private readonly int _width;
    private readonly int _height;
    private readonly int _stride;
    private readonly int _coarseStride;
    private readonly Vote[] _votes;
    private readonly SharedRows _compare;
    private readonly SharedRows _decide;
    private readonly int[] _tally = new int[(2 * Reach + 1) * (2 * Reach + 1)];
    private (int X, int Y) _shared;
    private byte[] _now;
    private byte[] _before;
    private byte[] _coarseNow;
    private byte[] _coarseBefore;

    public BlockMotion(int width, int height)
    {
        (_width, _height) = (width, height);
        Columns = (width + Block - 1) / Block;
        Rows = (height + Block - 1) / Block;
        _stride = width + 2 * Border;
        _coarseStride = width / CoarseStep + 2 * CoarseBorder + CoarseWindow;
        _now = new byte[_stride * (height + 2 * Border)];
        _before = new byte[_now.Length];
        _coarseNow = new byte[_coarseStride * (height / CoarseStep + 2 * CoarseBorder + CoarseWindow)];
        _coarseBefore = new byte[_coarseNow.Length];
        _votes = new Vote[Columns * Rows];
        Motion = new (sbyte X, sbyte Y)[Columns * Rows];
        (_compare, _decide) = (new SharedRows(Rows, Compare), new SharedRows(Rows, Decide));
    }

    public int Columns { get; }

    public int Rows { get; }

    /// <summary>
    /// For each block, row by row, where it came from, in quarter pixels: the content at p was previously at p + motion / 4.
    /// </summary>
    public (sbyte X, sbyte Y)[] Motion { get; }

    /// <summary>Takes the next picture.</summary>
    /// <param name="luma">Its luma.</param>
    /// <param name="stride">Bytes between rows.</param>
    public void Push(ReadOnlySpan<byte> luma, int stride)
    {
        (_now, _before) = (_before, _now);
        (_coarseNow, _coarseBefore) = (_coarseBefore, _coarseNow);
        for (var y = 0; y < _height; y++)
            luma.Slice(y * stride, _width).CopyTo(_now.AsSpan((y + Border) * _stride + Border));
        Extend(_now, _width, _height, Border, _stride);
        int w = _width / CoarseStep, h = _height / CoarseStep;
        for (var y = 0; y < h; y++)
        {
            var into = _coarseNow.AsSpan((y + CoarseBorder) * _coarseStride + CoarseBorder, w);
            for (var x = 0; x < w; x++)
            {
                ref var from = ref _now[(y * CoarseStep + Border) * _stride + x * CoarseStep + Border];
                var sum = 8;
                for (var i = 0; i < CoarseStep; i++)
                {
                    ref var row = ref Unsafe.Add(ref from, i * _stride);
                    sum += row + Unsafe.Add(ref row, 1) + Unsafe.Add(ref row, 2) + Unsafe.Add(ref row, 3);
                }
                into[x] = (byte)(sum >> 4);
            }
        }
        Extend(_coarseNow, w, h, CoarseBorder, _coarseStride);
    }

    /// <summary>Writes the luma of the last picture, rows without padding.</summary>
    public void CopyLast(Span<byte> into)
    {
        for (var y = 0; y < _height; y++)
            _now.AsSpan((y + Border) * _stride + Border, _width).CopyTo(into[(y * _width)..]);
    }

    /// <summary>Compares the last two pictures and fills <see cref="Motion"/>. False when nothing moves.</summary>
    /// <param name="helped">Whether another thread may help.</param>
    public bool Search(bool helped = false)
    {
        _compare.Run(helped);
        if (!Share())
            return false;
        _decide.Run(helped);
        return true;
    }

    private void Compare(int row)
    {
        for (var i = row * Columns; i < (row + 1) * Columns; i++)
        {
            ref var vote = ref _votes[i];
            var (x, y) = Place(i);
            var still = Cost(x, y, 0, 0);
            vote = new Vote(still, still, 0, 0, false);
            // A block that hardly differs is not searched; most of a camera's picture is of this kind.
            if (still <= Pull)
                continue;
            Find(x, y, ref vote);
            vote.Moves = vote.Best < Math.Min(still * Save, still - Pull);
        }
    }

    // Finds the motion that most moving blocks share; false when none moves.
    private bool Share()
    {
        Array.Clear(_tally);
        var moving = 0;
        foreach (ref readonly var vote in _votes.AsSpan())
        {
            if (!vote.Moves)
                continue;
            moving++;
            _tally[(vote.Y + Reach) * (2 * Reach + 1) + vote.X + Reach]++;
        }
        if (moving == 0)
        {
            Array.Clear(Motion);
            return false;
        }
        var common = _tally.AsSpan().IndexOf(Max(_tally));
        _shared = (common % (2 * Reach + 1) - Reach, common / (2 * Reach + 1) - Reach);
        return true;
    }

    private void Decide(int row)
    {
        for (var i = row * Columns; i < (row + 1) * Columns; i++)
        {
            ref var vote = ref _votes[i];
            var (x, y) = Place(i);
            var shared = Cost(x, y, _shared.X, _shared.Y);
            if (shared <= vote.Best + (vote.Moves ? Pull : 0) && (vote.Moves || shared < vote.Still * SharedSave - Pull / 4))
                (vote.X, vote.Y, vote.Best, vote.Moves) = (_shared.X, _shared.Y, shared, true);
            Motion[i] = vote.Moves
                ? ((sbyte)(4 * vote.X + Part(Cost(x, y, vote.X - 1, vote.Y), vote.Best, Cost(x, y, vote.X + 1, vote.Y))),
                    (sbyte)(4 * vote.Y + Part(Cost(x, y, vote.X, vote.Y - 1), vote.Best, Cost(x, y, vote.X, vote.Y + 1))))
                : default;
        }
    }

    // A block that crosses the edge of the picture is moved inside it.
    private (int X, int Y) Place(int i) =>
        (Math.Max(0, Math.Min(i % Columns * Block, _width - Block)), Math.Max(0, Math.Min(i / Columns * Block, _height - Block)));

    // Quarter pixels to where two lines of equal slope through the three costs meet (a sum of absolute differences is not a parabola);
    // 0 if the costs hardly rise, or if the middle already fits.
    private static int Part(int low, int middle, int high)
    {
        int rise = Math.Max(low, high) - middle, near = Math.Min(low, high);
        return rise > Pull && near >= middle && middle > 0.15 * near
            ? (int)Math.Round(2.0 * (low - high) / rise, MidpointRounding.ToEven)
            : 0;
    }

    private void Find(int x, int y, ref Vote vote)
    {
        int best = int.MaxValue, aroundX = 0, aroundY = 0;
        // The window is twice as wide as the block and centred on it.
        int cx = x / CoarseStep - 2, cy = y / CoarseStep - 2;
        for (var dy = -CoarseReach; dy <= CoarseReach; dy++)
            for (var dx = -CoarseReach; dx <= CoarseReach; dx++)
            {
                var cost = CoarseCost(cx, cy, dx, dy) + Short * (Math.Abs(dx) + Math.Abs(dy));
                if (cost < best)
                    (best, aroundX, aroundY) = (cost, dx * CoarseStep, dy * CoarseStep);
            }
        for (var dy = -Fine; dy <= Fine; dy++)
            for (var dx = -Fine; dx <= Fine; dx++)
            {
                var cost = Cost(x, y, aroundX + dx, aroundY + dy);
                if (cost < vote.Best)
                    (vote.Best, vote.X, vote.Y) = (cost, aroundX + dx, aroundY + dy);
            }
    }

    private int CoarseCost(int x, int y, int dx, int dy)
    {
        ref var a = ref _coarseNow[(y + CoarseBorder) * _coarseStride + x + CoarseBorder];
        ref var b = ref _coarseBefore[(y + dy + CoarseBorder) * _coarseStride + x + dx + CoarseBorder];
        var sum = 0;
        for (var i = 0; i < CoarseWindow; i += 2)
        {
            sum += Difference(
                Vector128.Create(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, i * _coarseStride)),
                    Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref a, (i + 1) * _coarseStride))).AsByte(),
                Vector128.Create(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, i * _coarseStride)),
                    Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref b, (i + 1) * _coarseStride))).AsByte());
        }
        return sum;
    }

    private int Cost(int x, int y, int dx, int dy)
    {
        ref var a = ref _now[(y + Border) * _stride + x + Border];
        ref var b = ref _before[(y + dy + Border) * _stride + x + dx + Border];
        var sum = 0;
        for (var i = 0; i < Block; i++)
            sum += Difference(Vector128.LoadUnsafe(ref Unsafe.Add(ref a, i * _stride)),
                Vector128.LoadUnsafe(ref Unsafe.Add(ref b, i * _stride)));
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Difference(Vector128<byte> a, Vector128<byte> b)
    {
        if (Sse2.IsSupported)
        {
            var sums = Sse2.SumAbsoluteDifferences(a, b).AsInt32();
            return sums[0] + sums[2];
        }
        var (low, high) = Vector128.Widen(Vector128.Max(a, b) - Vector128.Min(a, b));
        return Vector128.Sum(low + high);
    }

    private static int Max(ReadOnlySpan<int> values)
    {
        var max = 0;
        foreach (var value in values)
            max = Math.Max(max, value);
        return max;
    }

    // Repeats the outermost pixels, on the right to the end of the stride.
    private static void Extend(byte[] plane, int width, int height, int border, int stride)
    {
        for (var y = border; y < border + height; y++)
        {
            var row = plane.AsSpan(y * stride, stride);
            row[..border].Fill(row[border]);
            row[(border + width)..].Fill(row[border + width - 1]);
        }
        var first = plane.AsSpan(border * stride, stride);
        var last = plane.AsSpan((border + height - 1) * stride, stride);
        for (var y = 0; y < border; y++)
            first.CopyTo(plane.AsSpan(y * stride));
        for (var at = (border + height) * stride; at < plane.Length; at += stride)
            last.CopyTo(plane.AsSpan(at));
    }

    [StructLayout(LayoutKind.Auto)]
    private record struct Vote(int Still, int Best, int X, int Y, bool Moves);
}
