using System.Numerics.Tensors;

namespace TrueLive.Probe.Estimators;

/// <summary>
/// What a filter can make of a picture, as planes for a linear fit: tone and colour of the pixel itself first, then its
/// neighbourhood on several scales (means, edges, contrast against the surroundings) and the same pixel a few frames earlier.
/// </summary>
internal sealed class LocalTerms
{
    private const int Knots = 8;
    private static readonly int[] Reaches = [1, 3, 7, 15];

    /// <summary>Number of terms of the pixel itself: a filter of colours.</summary>
    public const int Colour = 11 + Knots - 1;

    /// <summary>Number of all terms: a filter of structure.</summary>
    public const int Count = Colour + 4 + 4 + 9 + 2 + 8 + 2 + 2 + 2 * (Knots - 1) + 2;

    private readonly int _width;
    private readonly int _height;
    private readonly float[][] _blur;
    private readonly float[] _rows;
    private readonly float[] _edge;
    private readonly float[] _distance;

    public LocalTerms(int width, int height)
    {
        (_width, _height) = (width, height);
        Planes = [.. Enumerable.Range(0, Count).Select(_ => new float[width * height])];
        _blur = [.. Enumerable.Range(0, 4).Select(_ => new float[width * height])];
        (_rows, _edge, _distance) = (new float[width * height], new float[width * height], new float[width * height]);
        for (var k = 0; k < _distance.Length; k++)
        {
            var (x, y) = (k % width / (float)width - 0.5f, k / width / (float)height - 0.5f);
            _distance[k] = x * x + y * y;
        }
    }

    /// <summary>The terms of the last picture read.</summary>
    public float[][] Planes { get; }

    /// <summary>Reads planes in 0..255 of this size, and the luma of two earlier frames.</summary>
    public void Read(float[] luma, float[] cb, float[] cr, float[] before, float[] longBefore)
    {
        var at = 0;
        var (y, u, v) = (Scaled(luma, 0), Scaled(cb, 0.5f), Scaled(cr, 0.5f));
        TensorPrimitives.Multiply(y, y, Next());
        TensorPrimitives.Multiply(u, u, Next());
        TensorPrimitives.Multiply(v, v, Next());
        TensorPrimitives.Multiply(y, u, Next());
        TensorPrimitives.Multiply(y, v, Next());
        TensorPrimitives.Multiply(u, v, Next());
        TensorPrimitives.Multiply(Planes[3], y, Next());
        TensorPrimitives.Multiply(y, _distance, Next());
        Hats(y);

        foreach (var (reach, blurred) in Reaches.Zip(_blur))
        {
            Box(y, reach, blurred);
            blurred.CopyTo(Next().AsSpan());
        }
        Slope(y, 1, Next());
        Slope(y, _width, Next());
        Slope(_blur[0], 1, Next());
        Slope(_blur[0], _width, Next());
        foreach (var source in new[] { y, _blur[0], _blur[1] })
        {
            Edges(source);
            _edge.CopyTo(Next().AsSpan());
            TensorPrimitives.Min(_edge, 0.08f, Next());
            TensorPrimitives.Min(_edge, 0.25f, Next());
        }
        Edges(y);
        TensorPrimitives.Min(_edge, 0.3f, _edge);
        TensorPrimitives.Multiply(y, _edge, Next());
        TensorPrimitives.Multiply(_edge, _edge, Next());
        foreach (var surround in new[] { _blur[1], _blur[2] })
        {
            // Dark and bright against the surroundings, linear and saturated.
            TensorPrimitives.Subtract(y, surround, _edge);
            TensorPrimitives.Max(_edge, 0f, Next());
            TensorPrimitives.Clamp(_edge, -0.03f, 0.03f, Next());
            TensorPrimitives.Clamp(_edge, -0.1f, 0.1f, Next());
            TensorPrimitives.Multiply(_edge, _edge, Next());
        }
        Box(u, 3, Next());
        Box(v, 3, Next());
        Scale(before, Next());
        Scale(longBefore, Next());
        Hats(_blur[0]);
        Hats(_blur[1]);
        Slope(_blur[1], 1, Next());
        Slope(_blur[1], _width, Next());

        float[] Next() => Planes[at++];

        float[] Scaled(float[] from, float centre)
        {
            var to = Next();
            Scale(from, to);
            TensorPrimitives.Subtract(to, centre, to);
            return to;
        }

        void Hats(float[] source)
        {
            for (var k = 1; k < Knots; k++)
            {
                var hat = Next();
                TensorPrimitives.Multiply(source, Knots, hat);
                TensorPrimitives.Subtract(hat, k, hat);
                TensorPrimitives.Abs(hat, hat);
                TensorPrimitives.Subtract(1f, hat, hat);
                TensorPrimitives.Max(hat, 0f, hat);
            }
        }
    }

    private static void Scale(float[] from, float[] to) => TensorPrimitives.Multiply(from, 1 / 255f, to);

    private void Slope(float[] source, int step, float[] to)
    {
        Array.Clear(to);
        for (var y = 1; y < _height - 1; y++)
        {
            var at = y * _width + 1;
            TensorPrimitives.Subtract(source.AsSpan(at + step, _width - 2), source.AsSpan(at - step, _width - 2),
                to.AsSpan(at, _width - 2));
        }
    }

    private void Edges(float[] source)
    {
        Slope(source, 1, _edge);
        TensorPrimitives.Abs(_edge, _edge);
        Slope(source, _width, _rows);
        TensorPrimitives.Abs(_rows, _rows);
        TensorPrimitives.Add(_edge, _rows, _edge);
    }

    private void Box(float[] plane, int reach, float[] to)
    {
        for (var y = 0; y < _height; y++)
        {
            var row = plane.AsSpan(y * _width, _width);
            var sum = 0f;
            for (var x = 0; x < Math.Min(reach, _width); x++)
                sum += row[x];
            for (var x = 0; x < _width; x++)
            {
                sum += x + reach < _width ? row[x + reach] : 0;
                sum -= x - reach - 1 >= 0 ? row[x - reach - 1] : 0;
                _rows[y * _width + x] = sum / (Math.Min(_width - 1, x + reach) - Math.Max(0, x - reach) + 1);
            }
        }
        Span<float> column = stackalloc float[_width];
        column.Clear();
        for (var y = 0; y < Math.Min(reach, _height); y++)
            TensorPrimitives.Add(column, _rows.AsSpan(y * _width, _width), column);
        for (var y = 0; y < _height; y++)
        {
            if (y + reach < _height)
                TensorPrimitives.Add(column, _rows.AsSpan((y + reach) * _width, _width), column);
            if (y - reach - 1 >= 0)
                TensorPrimitives.Subtract(column, _rows.AsSpan((y - reach - 1) * _width, _width), column);
            TensorPrimitives.Divide(column, Math.Min(_height - 1, y + reach) - Math.Max(0, y - reach) + 1, to.AsSpan(y * _width, _width));
        }
    }
}
