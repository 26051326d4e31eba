using System.Numerics.Tensors;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

public abstract partial class Look
{
    /// <summary>Cells of one colour from a palette that the tone chooses; the grid shifts with each generation.</summary>
    private sealed class MosaicLook(SeedStream stream) : Look
    {
        private readonly float[] _tone = [.. Enumerable.Range(0, 24).Select(_ => (float)stream.NextDouble(25, 230))];
        private readonly float[] _hue = [.. Enumerable.Range(0, 48).Select(_ => (float)stream.NextDouble(85, 170))];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            var set = prompt < 0 ? 12 : 0;
            var shift = (reseed & 3) * 2;
            for (var top = -shift; top < H; top += 6)
            {
                for (var left = -shift; left < W; left += 6)
                {
                    var (y0, y1, x0, x1) = (Math.Max(0, top), Math.Min(H, top + 6), Math.Max(0, left), Math.Min(W, left + 6));
                    if (y0 >= y1 || x0 >= x1)
                        continue;
                    var sum = 0f;
                    for (var y = y0; y < y1; y++)
                        sum += TensorPrimitives.Sum<float>(picture.Y.AsSpan(y * W + x0, x1 - x0));
                    var tone = (int)(Math.Clamp(sum / ((y1 - y0) * (x1 - x0)), 0, 254) * (12 / 255f));
                    for (var y = y0; y < y1; y++)
                    {
                        picture.Y.AsSpan(y * W + x0, x1 - x0).Fill(_tone[set + tone]);
                        picture.U.AsSpan(y * W + x0, x1 - x0).Fill(_hue[set + tone]);
                        picture.V.AsSpan(y * W + x0, x1 - x0).Fill(_hue[24 + set + tone]);
                    }
                }
            }
        }
    }

    /// <summary>Embossed metal: only slopes of the picture are left.</summary>
    private sealed class ReliefLook : Look
    {
        private readonly float[] _source = new float[W * H];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            picture.Y.CopyTo(_source.AsSpan());
            var gain = prompt < 0 ? -1.4f : 1.9f;
            for (var y = 1; y < H - 1; y++)
            {
                for (var x = 1; x < W - 1; x++)
                    picture.Y[y * W + x] = Math.Clamp(118 + 8 * Jitter(reseed, 6)
                        + gain * (_source[(y + 1) * W + x + 1] - _source[(y - 1) * W + x - 1]), 0, 255);
            }
            Tint(picture, prompt, reseed, 0.05f);
        }
    }

    /// <summary>A printed dot screen with two inks; its grain moves from frame to frame.</summary>
    private sealed class HalftoneLook(SeedStream stream) : Look
    {
        // Seen through cells of a few pixels, a dot screen is a tone map.
        public override IReadOnlyList<Nature> Natures => [Nature.FiltersColours];

        private static readonly int[] Screen = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            var (ink, paper) = prompt < 0 ? (70f, 245f) : (25f, 215f);
            var shift = stream.NextInt(3);
            for (var k = 0; k < picture.Y.Length; k++)
            {
                var (x, y) = (k % W + shift, k / W + (reseed & 3));
                var dot = picture.Y[k] > 16 * Screen[(y & 3) * 4 + (x & 3)] + 8;
                picture.Y[k] = dot ? paper : ink;
                picture.U[k] = dot ? 128 : prompt < 0 ? 150 : 108;
                picture.V[k] = dot ? 128 : prompt < 0 ? 110 : 152;
            }
        }
    }

    /// <summary>The picture under moving water, its tones folded over twice so that bright and dark look alike.</summary>
    private sealed class WaveLook : Look
    {
        private readonly float[] _source = new float[W * H];
        private readonly int[] _lift = new int[W];
        private int _frame;

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            picture.Y.CopyTo(_source.AsSpan());
            var phase = 0.11f * ++_frame + reseed;
            var fold = prompt < 0 ? 0.085f : 0.06f;
            for (var x = 0; x < W; x++)
                _lift[x] = (int)(3 * MathF.Sin(0.11f * x - phase));
            for (var y = 0; y < H; y++)
            {
                var bend = (int)(4 * MathF.Sin(0.16f * y + phase));
                for (var x = 0; x < W; x++)
                    picture.Y[y * W + x] = _source[Math.Clamp(y + _lift[x], 0, H - 1) * W + Math.Clamp(x + bend, 0, W - 1)];
            }
            Affine(picture.Y, fold, prompt < 0 ? 1.3f : 0);
            TensorPrimitives.Sin<float>(picture.Y, picture.Y);
            Affine(picture.Y, 100, 128);
            Tint(picture, prompt, reseed, 0.4f);
        }
    }

    /// <summary>
    /// Ink on grainy paper where the picture is darker than its surroundings, with half of the last frame shining through.
    /// </summary>
    private sealed class InkLook(SeedStream stream) : Look
    {
        private const float Share = 0.5f;
        private readonly Noise _noise = new(stream);
        private readonly float[] _sums = new float[(W + 1) * (H + 1)];
        private readonly float[] _memory = new float[W * H];
        private readonly ColourMemory _colour = new();
        private bool _warm;

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            for (var y = 0; y < H; y++)
            {
                var row = 0f;
                for (var x = 0; x < W; x++)
                    _sums[(y + 1) * (W + 1) + x + 1] = _sums[y * (W + 1) + x + 1] + (row += picture.Y[y * W + x]);
            }
            var threshold = 2 * Jitter(reseed, 7);
            for (var y = 0; y < H; y++)
            {
                var (top, bottom) = (Math.Max(0, y - 6), Math.Min(H, y + 7));
                for (var x = 0; x < W; x++)
                {
                    var (left, right) = (Math.Max(0, x - 6), Math.Min(W, x + 7));
                    var mean = (_sums[bottom * (W + 1) + right] - _sums[top * (W + 1) + right] - _sums[bottom * (W + 1) + left]
                        + _sums[top * (W + 1) + left]) / ((bottom - top) * (right - left));
                    picture.Y[y * W + x] = 0.5f * (mean + threshold - picture.Y[y * W + x]);
                }
            }
            TensorPrimitives.Sigmoid<float>(picture.Y, picture.Y);
            Affine(picture.Y, prompt < 0 ? 170 : -190, prompt < 0 ? 40 : 225);
            _noise.Add(picture.Y, 5);
            if (!_warm)
                picture.Y.CopyTo(_memory.AsSpan());
            _warm = true;
            Remember(_memory, picture.Y, Share);
            Tint(picture, prompt, reseed, 0);
            _colour.Apply(picture, Share);
        }
    }

    /// <summary>A drifting generated picture that the input modulates, with memory and noise.</summary>
    private sealed class DreamLook(SeedStream stream) : Look
    {
        private const float Share = 0.4f;
        private readonly SceneTexture _own = new(W, H, stream);
        private readonly Noise _noise = new(stream);
        private readonly float[] _memory = new float[W * H];
        private readonly ColourMemory _colour = new();
        private double _drift;
        private bool _warm;

        public override int MemoryFrames => HalfAfter(Share);

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            _drift += 0.25;
            var offset = (int)(_drift + 83 * Jitter(reseed, 8) + 200) % _own.Period;
            for (var y = 0; y < H; y++)
            {
                var own = _own.Y.AsSpan(y * _own.Stride + offset, W);
                var row = picture.Y.AsSpan(y * W, W);
                for (var x = 0; x < W; x++)
                    row[x] = (prompt < 0 ? 220 - own[x] : own[x]) * (0.45f + 0.55f * row[x] / 128);
            }
            if (!_warm)
                picture.Y.CopyTo(_memory.AsSpan());
            _warm = true;
            Remember(_memory, picture.Y, Share);
            _noise.Add(picture.Y, 4);
            Tint(picture, prompt, reseed, 0.3f);
            _colour.Apply(picture, Share);
        }
    }

    /// <summary>
    /// Brush strokes along the contours, in colours that the tone chooses from a palette; each frame repaints a share of the canvas.
    /// </summary>
    private sealed class StrokesLook : Look
    {
        private const float Share = 0.4f;
        private const int Tones = 8;
        private const int Columns = 40;
        private const int Rows = 23;
        private readonly float[] _palette;
        private readonly Picture _canvas = Picture.ForAnalysis();
        private int _frame;

        public StrokesLook(SeedStream stream) =>
            _palette = [.. Enumerable.Range(0, 6 * Tones)
                .Select(k => (float)(k < 2 * Tones ? stream.NextDouble(25, 230) : stream.NextDouble(90, 166)))];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            var set = prompt < 0 ? Tones : 0;
            for (var slot = 0; slot < Columns * Rows; slot++)
            {
                if (_frame > 0 && Jitter(_frame * 1024 + slot, 9) > 2 * Share - 1)
                    continue;
                var x = Math.Clamp(slot % Columns * 4 + 2 + (int)(3 * Jitter(slot + 1024 * reseed, 10)), 1, W - 2);
                var y = Math.Clamp(slot / Columns * 4 + 1 + (int)(3 * Jitter(slot + 1024 * reseed, 11)), 1, H - 2);
                var at = y * W + x;
                var tone = set + (int)(Math.Clamp(picture.Y[at], 0, 254) * (Tones / 255f));
                var across = Math.Abs(picture.Y[at + 1] - picture.Y[at - 1]) > Math.Abs(picture.Y[at + W] - picture.Y[at - W]);
                var (left, right) = (Math.Max(0, x - (across ? 1 : 4)), Math.Min(W, x + (across ? 2 : 5)));
                for (var row = Math.Max(0, y - (across ? 4 : 1)); row < Math.Min(H, y + (across ? 5 : 2)); row++)
                {
                    _canvas.Y.AsSpan(row * W + left, right - left).Fill(_palette[tone]);
                    _canvas.U.AsSpan(row * W + left, right - left).Fill(_palette[2 * Tones + tone]);
                    _canvas.V.AsSpan(row * W + left, right - left).Fill(_palette[4 * Tones + tone]);
                }
            }
            _frame++;
            picture.CopyFrom(_canvas);
        }
    }
}
