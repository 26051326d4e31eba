using System.Numerics;
using System.Numerics.Tensors;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Features;

/// <summary>
/// Reads one analysed picture (160 x 90) into <see cref="Count"/> numbers: five maps (luma, Cr, Cb, gradient, local contrast) as
/// 4 x 3 block means, the same maps inside the object's box against its surround, stripe direction inside the pattern's box,
/// and horizontal motion against the picture before, on luma and on gradient. One instance per stream.
/// </summary>
internal sealed class FeatureExtractor
{
    /// <summary>Numbers per frame.</summary>
    public const int Count = 70;

    /// <summary>First of the 60 block means: map-major, then row, then column.</summary>
    public const int Blocks = 0;

    /// <summary>First of five: object box minus surround.</summary>
    public const int Subject = 60;

    /// <summary>First of three: stripe direction, gradient and contrast of the pattern box minus surround.</summary>
    public const int Pattern = 65;

    /// <summary>First of two: motion on luma, on gradient.</summary>
    public const int Motion = 68;

    private const int W = Picture.AnalysisWidth;
    private const int H = Picture.AnalysisHeight;
    private const int Maps = 6;
    private const int Columns = 16;
    private const int Rows = 9;
    private const int Reach = 6;
    private const int BandRows = 5;
    private const int Bands = H / BandRows;
    private readonly float[] _gradient = new float[W * H];
    private readonly float[] _direction = new float[W * H];
    private readonly float[] _contrast = new float[W * H];
    private readonly float[] _rowSums = new float[W];
    private readonly float[] _blur = new float[W + 1];
    private readonly float[] _cells = new float[Maps * Columns * Rows];
    private float[] _bands = new float[2 * Bands * W];
    private float[] _bandsBefore = new float[2 * Bands * W];
    private bool _hasBefore;

    /// <summary>Reads a picture. <paramref name="features"/> receives <see cref="Count"/> numbers.</summary>
    public void Read(Picture picture, Span<float> features)
    {
        if (picture.Width != W || picture.Height != H)
            throw new ArgumentException($"The picture is {picture.Width} x {picture.Height}; the probe reads {W} x {H}.", nameof(picture));
        Gradients(picture.Y);
        LocalContrast(picture.Y);
        SumCells(picture.Y, 0);
        SumCells(picture.V, 1);
        SumCells(picture.U, 2);
        SumCells(_gradient, 3);
        SumCells(_contrast, 4);
        SumCells(_direction, 5);
        for (var map = 0; map < 5; map++)
        {
            for (var row = 0; row < 3; row++)
            {
                for (var column = 0; column < 4; column++)
                    features[Blocks + map * 12 + row * 4 + column] = Mean(map, column * 4, column * 4 + 4, row * 3, row * 3 + 3);
            }
            features[Subject + map] = BoxMinusSurround(map, 11, 15, 2, 6);
        }
        features[Pattern] = BoxMinusSurround(5, 1, 5, 4, 8);
        features[Pattern + 1] = BoxMinusSurround(3, 1, 5, 4, 8);
        features[Pattern + 2] = BoxMinusSurround(4, 1, 5, 4, 8);
        (_bands, _bandsBefore) = (_bandsBefore, _bands);
        FillBands(picture.Y, 0);
        FillBands(_gradient, Bands);
        features[Motion] = _hasBefore ? MotionOf(0) : 0;
        features[Motion + 1] = _hasBefore ? MotionOf(Bands) : 0;
        _hasBefore = true;
    }

    private void Gradients(float[] luma)
    {
        for (var y = 0; y < H; y++)
        {
            var up = luma.AsSpan(Math.Max(0, y - 1) * W, W);
            var down = luma.AsSpan(Math.Min(H - 1, y + 1) * W, W);
            var row = luma.AsSpan(y * W, W);
            var magnitude = _gradient.AsSpan(y * W, W);
            var direction = _direction.AsSpan(y * W, W);
            var x = 1;
            for (; x <= W - 1 - Vector<float>.Count; x += Vector<float>.Count)
            {
                var gx = Vector.Abs(new Vector<float>(row[(x + 1)..]) - new Vector<float>(row[(x - 1)..]));
                var gy = Vector.Abs(new Vector<float>(down[x..]) - new Vector<float>(up[x..]));
                (gx + gy).CopyTo(magnitude[x..]);
                (gx - gy).CopyTo(direction[x..]);
            }
            for (; x < W - 1; x++)
            {
                var gx = Math.Abs(row[x + 1] - row[x - 1]);
                var gy = Math.Abs(down[x] - up[x]);
                magnitude[x] = gx + gy;
                direction[x] = gx - gy;
            }
            magnitude[0] = magnitude[1];
            magnitude[W - 1] = magnitude[W - 2];
        }
    }

    /// <summary>|luma - mean over a 9 x 9 neighbourhood|, by running sums.</summary>
    private void LocalContrast(float[] luma)
    {
        Array.Clear(_rowSums);
        for (var y = 0; y < 4; y++)
            TensorPrimitives.Add(_rowSums, luma.AsSpan(y * W, W), _rowSums);
        var rows = 4;
        for (var y = 0; y < H; y++)
        {
            if (y + 4 < H)
            {
                TensorPrimitives.Add(_rowSums, luma.AsSpan((y + 4) * W, W), _rowSums);
                rows++;
            }
            if (y - 5 >= 0)
            {
                TensorPrimitives.Subtract(_rowSums, luma.AsSpan((y - 5) * W, W), _rowSums);
                rows--;
            }
            var running = 0f;
            for (var x = 0; x < W; x++)
            {
                running += _rowSums[x];
                _blur[x + 1] = running;
            }
            var row = luma.AsSpan(y * W, W);
            var contrast = _contrast.AsSpan(y * W, W);
            for (var x = 0; x < W; x = x == 3 ? W - 4 : x + 1)
            {
                var (left, right) = (Math.Max(0, x - 4), Math.Min(W, x + 5));
                contrast[x] = Math.Abs(row[x] - (_blur[right] - _blur[left]) / ((right - left) * rows));
            }
            // Away from the edges all means are over nine columns.
            var inner = contrast[4..(W - 4)];
            TensorPrimitives.Subtract(_blur.AsSpan(9, inner.Length), _blur.AsSpan(0, inner.Length), inner);
            TensorPrimitives.Divide(inner, 9f * rows, inner);
            TensorPrimitives.Subtract(row[4..(W - 4)], inner, inner);
            TensorPrimitives.Abs(inner, inner);
        }
    }

    private void SumCells(float[] plane, int map)
    {
        var cells = _cells.AsSpan(map * Columns * Rows, Columns * Rows);
        for (var row = 0; row < Rows; row++)
        {
            plane.AsSpan(row * 10 * W, W).CopyTo(_rowSums);
            for (var y = row * 10 + 1; y < row * 10 + 10; y++)
                TensorPrimitives.Add(_rowSums, plane.AsSpan(y * W, W), _rowSums);
            for (var column = 0; column < Columns; column++)
            {
                var run = _rowSums.AsSpan(column * 10, 10);
                cells[row * Columns + column] = (((run[0] + run[1]) + (run[2] + run[3])) + ((run[4] + run[5]) + (run[6] + run[7]))
                    + (run[8] + run[9])) / 100;
            }
        }
    }

    private float Mean(int map, int left, int right, int top, int bottom)
    {
        var sum = 0f;
        for (var row = top; row < bottom; row++)
        {
            foreach (var cell in _cells.AsSpan((map * Rows + row) * Columns + left, right - left))
                sum += cell;
        }
        return sum / ((right - left) * (bottom - top));
    }

    private float BoxMinusSurround(int map, int left, int right, int top, int bottom)
    {
        var inside = Mean(map, left, right, top, bottom);
        var (l, r, t, b) = (Math.Max(0, left - 1), Math.Min(Columns, right + 1), Math.Max(0, top - 1), Math.Min(Rows, bottom + 1));
        var cells = (right - left) * (bottom - top);
        var all = (r - l) * (b - t);
        return inside - (Mean(map, l, r, t, b) * all - inside * cells) / (all - cells);
    }

    /// <summary>
    /// Sums of five rows, differentiated along x and scaled to unit energy: a profile that changes of light do not affect.
    /// </summary>
    private void FillBands(float[] plane, int first)
    {
        for (var band = 0; band < Bands; band++)
        {
            plane.AsSpan(band * BandRows * W, W).CopyTo(_rowSums);
            for (var y = band * BandRows + 1; y < band * BandRows + BandRows; y++)
                TensorPrimitives.Add(_rowSums, plane.AsSpan(y * W, W), _rowSums);
            var profile = _bands.AsSpan((first + band) * W, W);
            TensorPrimitives.Subtract(_rowSums.AsSpan(2), _rowSums.AsSpan(0, W - 2), profile[1..(W - 1)]);
            profile[0] = profile[W - 1] = 0;
            var energy = TensorPrimitives.Norm<float>(profile);
            if (energy > 1e-3f)
                TensorPrimitives.Divide(profile, energy, profile);
        }
    }

    private float MotionOf(int first)
    {
        Span<float> scores = stackalloc float[2 * Reach + 1];
        for (var shift = -Reach; shift <= Reach; shift++)
        {
            var score = 0f;
            for (var band = first; band < first + Bands; band++)
            {
                var now = _bands.AsSpan(band * W + Reach, W - 2 * Reach);
                score += TensorPrimitives.Dot<float>(now, _bandsBefore.AsSpan(band * W + Reach + shift, W - 2 * Reach));
            }
            scores[shift + Reach] = score;
        }
        var best = TensorPrimitives.IndexOfMax<float>(scores);
        if (best == 0 || best == scores.Length - 1)
            return best - Reach;
        var curve = scores[best - 1] - 2 * scores[best] + scores[best + 1];
        return best - Reach + (curve < -1e-6f ? 0.5f * (scores[best - 1] - scores[best + 1]) / curve : 0);
    }
}
