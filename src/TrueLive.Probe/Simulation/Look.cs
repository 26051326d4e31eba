using System.Numerics.Tensors;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// A stand-in for a generative restyle: a hand-made picture operator with a prompt switch, a re-seed number and, for some, memory. The
/// looks differ in which codes survive them; none is a model.
/// </summary>
public abstract partial class Look
{
    private const int W = Picture.AnalysisWidth;
    private const int H = Picture.AnalysisHeight;

    /// <summary>Looks by name.</summary>
    public static IReadOnlyDictionary<string, Func<SeedStream, Look>> ByName { get; } = new Dictionary<string, Func<SeedStream, Look>>
    {
        ["poster"] = _ => new PosterLook(),
        ["edge"] = _ => new EdgeLook(),
        ["blurnoise"] = s => new BlurNoiseLook(s),
        ["agc"] = _ => new EqualisedLook(),
        ["texture"] = s => new PaintedLook(s, 1),
        ["textema"] = s => new PaintedLook(s, 1 / 3f),
        ["weak"] = s => new MixedLook(s, 0.30f, 1, 2),
        ["harsh"] = s => new MixedLook(s, 0.12f, 1 / 6f, 6),
        ["mosaic"] = s => new MosaicLook(s),
        ["relief"] = _ => new ReliefLook(),
        ["halftone"] = s => new HalftoneLook(s),
        ["wave"] = _ => new WaveLook(),
        ["ink"] = s => new InkLook(s),
        ["dream"] = s => new DreamLook(s),
        ["strokes"] = s => new StrokesLook(s),
    };

    /// <summary>Looks that no rule or threshold was tuned on; published figures come from these.</summary>
    public static IReadOnlyList<string> HeldOut { get; } = ["mosaic", "relief", "strokes", "wave", "ink", "dream"];

    /// <summary>
    /// The natures that are right for this look. An operator on structure may count as a filter or as a restyle; only a colour map is
    /// clear.
    /// </summary>
    public virtual IReadOnlyList<Nature> Natures => [Nature.FiltersStructure, Nature.Restyles, Nature.CannotTell];

    /// <summary>
    /// Frames between the first picture that holds any of a change and the first that holds half of it: part of the response delay.
    /// </summary>
    public virtual int MemoryFrames => 0;

    /// <summary>Restyles <paramref name="picture"/> in place.</summary>
    /// <param name="picture">The content.</param>
    /// <param name="prompt">+1 or 0 for prompt A, -1 for prompt B.</param>
    /// <param name="reseed">Changes when a system starts a new generation.</param>
    public abstract void Apply(Picture picture, int prompt, int reseed);

    private protected static void Tint(Picture picture, int prompt, int reseed, float keep)
    {
        var (u, v) = prompt < 0 ? (-22f, 16f) : (14f, -12f);
        u += Jitter(reseed, 1) * 8;
        v += Jitter(reseed, 2) * 8;
        Affine(picture.U, keep, 128 * (1 - keep) + u);
        Affine(picture.V, keep, 128 * (1 - keep) + v);
    }

    private protected static void Affine(float[] plane, float scale, float offset)
    {
        TensorPrimitives.Multiply(plane, scale, plane);
        TensorPrimitives.Add(plane, offset, plane);
    }

    private protected static float Jitter(int reseed, int salt)
    {
        var hash = (uint)(reseed * 747796405 + salt * 277803737);
        hash = (hash ^ (hash >> 15)) * 2246822519u;
        return ((hash ^ (hash >> 13)) & 0xffff) / 32768f - 1;
    }

    /// <summary>With a share of each frame new, the n-th picture holds 1 - (1 - share)^n of a change; the first is no frame late.</summary>
    private protected static int HalfAfter(float share) => share >= 0.5f ? 0 : (int)Math.Ceiling(Math.Log(0.5) / Math.Log(1 - share)) - 1;

    private protected static void Remember(float[] memory, float[] now, float share)
    {
        TensorPrimitives.Lerp(memory, now, share, now);
        now.CopyTo(memory.AsSpan());
    }

    private sealed class PosterLook : Look
    {
        public override IReadOnlyList<Nature> Natures => [Nature.FiltersColours];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            var shift = 6 * Jitter(reseed, 3);
            for (var k = 0; k < picture.Y.Length; k++)
            {
                var level = (int)(Math.Clamp(picture.Y[k] + shift, 0, 254) / 42.5f);
                picture.Y[k] = prompt < 0 ? 235 - level * 38 : 20 + level * 43;
                picture.U[k] = 128 + MathF.Round((picture.U[k] - 128) / 12) * 18;
                picture.V[k] = 128 + MathF.Round((picture.V[k] - 128) / 12) * 18;
            }
            Tint(picture, prompt, reseed, 1);
        }
    }

    private sealed class EdgeLook : Look
    {
        private readonly float[] _source = new float[W * H];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            picture.Y.CopyTo(_source.AsSpan());
            for (var y = 1; y < H - 1; y++)
            {
                for (var x = 1; x < W - 1; x++)
                {
                    var at = y * W + x;
                    var edge = Math.Abs(_source[at + 1] - _source[at - 1]) + Math.Abs(_source[at + W] - _source[at - W]);
                    picture.Y[at] = prompt < 0 ? Math.Min(250, 24 + 2.2f * edge) : Math.Max(5, 235 - 2.2f * edge);
                }
            }
            Tint(picture, prompt, reseed, 0);
        }
    }

    private sealed class BlurNoiseLook(SeedStream stream) : Look
    {
        private readonly Noise _noise = new(stream);
        private readonly float[] _rows = new float[W * H];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            Box(picture.Y, _rows, 5);
            _noise.Add(picture.Y, 12);
            Tint(picture, prompt, reseed, 0.7f);
        }

        private static void Box(float[] plane, float[] rows, int reach)
        {
            for (var y = 0; y < H; y++)
            {
                var sum = 0f;
                for (var x = -reach; x < W; x++)
                {
                    sum += plane[y * W + Math.Min(W - 1, x + reach)] - (x - reach - 1 >= 0 ? plane[y * W + x - reach - 1] : 0);
                    if (x >= 0)
                        rows[y * W + x] = sum / Math.Min(2 * reach + 1, x + reach + 1);
                }
            }
            for (var y = 0; y < H; y++)
            {
                var (top, bottom) = (Math.Max(0, y - reach), Math.Min(H - 1, y + reach));
                var to = plane.AsSpan(y * W, W);
                to.Clear();
                for (var r = top; r <= bottom; r++)
                    TensorPrimitives.Add(to, rows.AsSpan(r * W, W), to);
                TensorPrimitives.Divide(to, bottom - top + 1, to);
            }
        }
    }

    private sealed class EqualisedLook : Look
    {
        private readonly int[] _histogram = new int[256];
        private readonly float[] _curve = new float[256];

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            Array.Clear(_histogram);
            foreach (var y in picture.Y)
                _histogram[(int)Math.Clamp(y, 0, 255)]++;
            var running = 0;
            for (var level = 0; level < 256; level++)
            {
                running += _histogram[level];
                _curve[level] = 255f * running / picture.Y.Length;
            }
            var phase = (prompt < 0 ? 2.1f : 0) + 0.4f * Jitter(reseed, 4);
            for (var k = 0; k < picture.Y.Length; k++)
            {
                var y = _curve[(int)Math.Clamp(picture.Y[k], 0, 255)];
                picture.Y[k] = y;
                picture.U[k] = 128 + 40 * MathF.Sin(y * 0.02f + phase);
                picture.V[k] = 128 + 40 * MathF.Cos(y * 0.02f + phase);
            }
        }
    }

    /// <summary>Each tone becomes a texture whose brightness tells nothing about the tone; the texture boils.</summary>
    private sealed class PaintedLook : Look
    {
        private const int Tones = 6;
        private readonly float[][] _textures;
        private readonly float _share;
        private readonly float[] _memory = new float[W * H];
        private readonly SeedStream _stream;
        private readonly ColourMemory _colour = new();
        private bool _warm;
        private int _boil;

        public PaintedLook(SeedStream stream, float share)
        {
            (_stream, _share) = (stream, share);
            float[] levels = [130, 60, 190, 95, 215, 160];
            _textures = new float[Tones * 4][];
            for (var t = 0; t < _textures.Length; t++)
            {
                _textures[t] = new float[4096];
                var grain = 1 + t % Tones;
                var value = 0f;
                for (var k = 0; k < 4096; k++)
                {
                    if (k % grain == 0)
                        value = (float)stream.NextDouble(-28, 28);
                    _textures[t][k] = levels[t % Tones] + value;
                }
            }
        }

        public override int MemoryFrames => HalfAfter(_share);

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            if (_stream.NextInt(3) == 0)
                _boil = _stream.NextInt(4096);
            var set = ((reseed & 1) * 2 + (prompt < 0 ? 1 : 0)) * Tones;
            var turn = prompt < 0 ? 3 : 0;
            for (var k = 0; k < picture.Y.Length; k++)
            {
                var tone = (int)(Math.Clamp(picture.Y[k], 0, 254) * (Tones / 255f));
                picture.Y[k] = _textures[set + (tone + turn) % Tones][(k + k / W * 37 + _boil) & 4095];
            }
            if (_share < 1)
            {
                if (!_warm)
                    picture.Y.CopyTo(_memory.AsSpan());
                _warm = true;
                Remember(_memory, picture.Y, _share);
            }
            Tint(picture, prompt, reseed, 0.03f);
            _colour.Apply(picture, _share);
        }
    }

    /// <summary>Mostly a generated picture that drifts, with a share of the input, memory and noise.</summary>
    private sealed class MixedLook(SeedStream stream, float mix, float share, float noise) : Look
    {
        private readonly SceneTexture _own = new(W, H, stream);
        private readonly Noise _noise = new(stream);
        private readonly float[] _memory = new float[W * H];
        private readonly ColourMemory _colour = new();
        private double _drift;
        private bool _warm;

        public override int MemoryFrames => HalfAfter(share);

        public override void Apply(Picture picture, int prompt, int reseed)
        {
            _drift += 0.4;
            var offset = (int)(_drift + 97 * Jitter(reseed, 5) + 200) % _own.Period;
            for (var y = 0; y < H; y++)
            {
                var own = _own.Y.AsSpan(y * _own.Stride + offset, W);
                var row = picture.Y.AsSpan(y * W, W);
                for (var x = 0; x < W; x++)
                    row[x] = mix * row[x] + (1 - mix) * (prompt < 0 ? 230 - own[x] : own[x]);
            }
            if (share < 1)
            {
                if (!_warm)
                    picture.Y.CopyTo(_memory.AsSpan());
                _warm = true;
                Remember(_memory, picture.Y, share);
            }
            _noise.Add(picture.Y, noise);
            Tint(picture, prompt, reseed, 0.5f * mix);
            _colour.Apply(picture, share);
            _noise.Add(picture.U, noise);
            _noise.Add(picture.V, noise);
        }
    }

    private sealed class ColourMemory
    {
        private readonly float[] _u = new float[W * H];
        private readonly float[] _v = new float[W * H];

        public void Apply(Picture picture, float share)
        {
            if (share >= 1)
                return;
            Remember(_u, picture.U, share);
            Remember(_v, picture.V, share);
        }
    }

    private sealed class Noise(SeedStream stream)
    {
        private readonly float[] _table = [.. Enumerable.Range(0, 1 << 14).Select(_ => (float)stream.NextNormal())];

        public void Add(float[] plane, float strength)
        {
            for (var at = 0; at < plane.Length; at += 1 << 11)
            {
                var run = Math.Min(1 << 11, plane.Length - at);
                var from = stream.NextInt(_table.Length - run);
                TensorPrimitives.MultiplyAdd(_table.AsSpan(from, run), strength, plane.AsSpan(at, run), plane.AsSpan(at, run));
            }
        }
    }
}
