using System.Numerics.Tensors;

namespace TrueLive.Probe.Stimuli;

/// <summary>
/// Draws any frame of a plan at any size. Carrier: a seeded scene with moving figures, slow camera drift, flicker of the
/// light and sensor noise. Mean luminance and mean colour follow G, C and the light only: a fake that copies the live mean
/// therefore answers the luma family and nothing else. Not thread-safe; the same frame number always gives the same picture.
/// </summary>
internal sealed class StimulusRenderer
{
    private const float MeanLuma = 112;
    private readonly int _width;
    private readonly int _height;
    private readonly double _amplitude;
    private readonly Scene[] _scenes;
    private readonly float[] _side;
    private readonly float[] _gain;
    private readonly float[] _noise;
    private readonly double[] _light;

    /// <summary>Prepares the scenes that a seed chooses.</summary>
    public StimulusRenderer(ProbeSeed seed, int width, int height, double amplitude = 1)
    {
        (_width, _height, _amplitude) = (width, height, amplitude);
        var stream = seed.Stream("carrier");
        _scenes = [new Scene(width, height, stream), new Scene(width, height, stream)];
        _side = new float[width];
        for (var x = 0; x < width; x++)
            _side[x] = (float)Math.Tanh((x + 0.5 - width / 2.0) / (0.06 * width));
        _gain = new float[width];
        _noise = new float[1 << 15];
        for (var k = 0; k < _noise.Length; k++)
            _noise[k] = (float)(1.5 * stream.NextNormal());
        _light = [stream.NextDouble(0, 6.28), stream.NextDouble(0.3, 0.6), stream.NextDouble(0, 6.28), stream.NextDouble(1.0, 1.8)];
    }

    /// <summary>Draws a frame.</summary>
    /// <param name="state">What it shows.</param>
    /// <param name="number">Its number, for noise and light.</param>
    /// <param name="target">A picture of the size given at construction.</param>
    public void Draw(in FrameState state, int number, Picture target)
    {
        if (state.Fill != 0)
        {
            DrawFill(state.Fill, target);
        }
        else
        {
            var scene = _scenes[state.Scene];
            scene.Draw(state.Pan * _width / 160f, state.Moment / (double)CodeLaw.Rate, target);
            DrawCodes(state, target);
        }
        AddNoise(number, target);
    }

    private void DrawCodes(in FrameState state, Picture target)
    {
        var codes = state.Codes;
        DrawObject(codes[(int)Channel.O], target);
        DrawStripes(codes[(int)Channel.P], target);
        var moment = state.Moment / (double)CodeLaw.Rate;
        var light = 1 + 0.03 * Math.Sin(_light[0] + moment * _light[1]) + 0.02 * Math.Sin(_light[2] + moment * _light[3]);
        var balance = (float)((state.Strong ? 0.35 : 0.15) * _amplitude * codes[(int)Channel.R]);
        for (var x = 0; x < _width; x++)
            _gain[x] = 1 + balance * _side[x];
        for (var y = 0; y < _height; y++)
        {
            var row = target.Y.AsSpan(y * _width, _width);
            TensorPrimitives.Multiply(row, _gain, row);
        }
        var exposure = light * (1 + 0.15 * _amplitude * codes[(int)Channel.G]);
        var mean = TensorPrimitives.Sum<float>(target.Y) / target.Y.Length;
        TensorPrimitives.Multiply(target.Y, (float)(MeanLuma * exposure / Math.Max(1, mean)), target.Y);
        TensorPrimitives.Min(target.Y, 255f, target.Y);
        var warmth = (float)(9 * _amplitude * codes[(int)Channel.C]);
        Centre(target.U, 128 - warmth);
        Centre(target.V, 128 + warmth);
    }

    private static void Centre(float[] plane, float mean) =>
        TensorPrimitives.Add(plane, mean - TensorPrimitives.Sum<float>(plane) / plane.Length, plane);

    /// <summary>The cells of the 16 x 9 grid that the object covers: columns 11..14, rows 2..5.</summary>
    private void DrawObject(sbyte on, Picture target)
    {
        if (on <= 0)
            return;
        var (left, right) = (11 * _width / 16, 15 * _width / 16);
        var (top, bottom) = (2 * _height / 9, 6 * _height / 9);
        var tile = Math.Max(1, _height / 9);
        for (var y = top; y < bottom; y++)
        {
            for (var x = left; x < right; x++)
            {
                var dark = ((x - left) / tile + (y - top) / tile) % 2 == 0;
                target.Y[y * _width + x] = dark ? 20 : 235;
                target.U[y * _width + x] = dark ? 150 : 110;
                target.V[y * _width + x] = dark ? 110 : 150;
            }
        }
    }

    /// <summary>The cells of the 16 x 9 grid that the stripes cover: columns 1..4, rows 4..7.</summary>
    private void DrawStripes(sbyte direction, Picture target)
    {
        if (direction == 0)
            return;
        var (left, right) = (_width / 16, 5 * _width / 16);
        var (top, bottom) = (4 * _height / 9, 8 * _height / 9);
        var tile = Math.Max(1, _height / 18);
        for (var y = top; y < bottom; y++)
        {
            for (var x = left; x < right; x++)
                target.Y[y * _width + x] = ((direction > 0 ? x - left : y - top) / tile % 2 == 0) ? 70 : 170;
        }
    }

    private static void DrawFill(int fill, Picture target)
    {
        var (y, u, v) = fill switch { 1 => (16f, 128f, 128f), 2 => (235f, 128f, 128f), 3 => (90f, 95f, 215f), _ => (60f, 215f, 105f) };
        Array.Fill(target.Y, y);
        Array.Fill(target.U, u);
        Array.Fill(target.V, v);
    }

    private void AddNoise(int number, Picture target)
    {
        var offset = (int)((uint)number * 2654435761u >> 18);
        for (var at = 0; at < target.Y.Length;)
        {
            var run = Math.Min(target.Y.Length - at, _noise.Length - offset);
            var row = target.Y.AsSpan(at, run);
            TensorPrimitives.Add(row, _noise.AsSpan(offset, run), row);
            at += run;
            offset = 0;
        }
        TensorPrimitives.Max(target.Y, 0f, target.Y);
    }

    /// <summary>A backdrop with three figures that wander before it.</summary>
    private sealed class Scene
    {
        private readonly SceneTexture _texture;
        private readonly Figure[] _figures;
        private readonly int _width;
        private readonly int _height;

        public Scene(int width, int height, SeedStream stream)
        {
            (_width, _height) = (width, height);
            _texture = new SceneTexture(width, height, stream);
            _figures = [new Figure(stream), new Figure(stream), new Figure(stream)];
        }

        public void Draw(float pan, double moment, Picture target)
        {
            var position = pan % _texture.Period;
            if (position < 0)
                position += _texture.Period;
            var whole = (int)position;
            var part = position - whole;
            Shift(_texture.Y, whole, part, target.Y);
            Shift(_texture.U, whole, part, target.U);
            Shift(_texture.V, whole, part, target.V);
            foreach (var figure in _figures)
                figure.Draw(moment, target);
        }

        private void Shift(float[] from, int whole, float part, float[] to)
        {
            for (var y = 0; y < _height; y++)
            {
                var row = from.AsSpan(y * _texture.Stride + whole, _width + 1);
                TensorPrimitives.Lerp(row[.._width], row[1..], part, to.AsSpan(y * _width, _width));
            }
        }
    }

    /// <summary>An ellipse of its own colour on a smooth random path.</summary>
    private sealed class Figure(SeedStream stream)
    {
        private readonly double[] _path = [.. Enumerable.Range(0, 8)
            .Select(k => k % 2 == 0 ? stream.NextDouble(0, 6.28) : stream.NextDouble(0.3, 2.2))];
        private readonly double _radius = stream.NextDouble(0.07, 0.17);
        private readonly double _x = stream.NextDouble(0.2, 0.8);
        private readonly double _y = stream.NextDouble(0.25, 0.75);
        private readonly float _luma = (float)stream.NextDouble(40, 220);
        private readonly float _u = (float)stream.NextDouble(90, 166);
        private readonly float _v = (float)stream.NextDouble(90, 166);

        public void Draw(double moment, Picture target)
        {
            var cx = target.Width * (_x + 0.16 * Math.Sin(_path[0] + moment * _path[1]) + 0.06 * Math.Sin(_path[2] + moment * _path[3]));
            var cy = target.Height * (_y + 0.14 * Math.Sin(_path[4] + moment * _path[5]) + 0.05 * Math.Sin(_path[6] + moment * _path[7]));
            var radius = _radius * target.Height;
            var (top, bottom) = (Math.Max(0, (int)(cy - radius)), Math.Min(target.Height - 1, (int)(cy + radius)));
            for (var y = top; y <= bottom; y++)
            {
                var half = Math.Sqrt(Math.Max(0, radius * radius - (y - cy) * (y - cy)));
                var (left, right) = (Math.Max(0, (int)(cx - half)), Math.Min(target.Width - 1, (int)(cx + half)));
                for (var x = left; x <= right; x++)
                {
                    var at = y * target.Width + x;
                    target.Y[at] = 0.25f * target.Y[at] + 0.75f * _luma;
                    target.U[at] = _u;
                    target.V[at] = _v;
                }
            }
        }
    }
}
