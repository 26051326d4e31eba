using System.Numerics;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Diffusion;

/// <summary>What the UNet predicts for a noisy latent at a row of the schedule, with the prompt or without.</summary>
internal delegate void Predict<T>(int row, ReadOnlySpan<T> noisy, bool prompted, Span<T> prediction);

/// <summary>
/// Takes one latent through all rows of the schedule, one after the other, by the arithmetic of StreamDiffusion (arXiv:2312.12491): the
/// pictures are those of its batched mode, which shows them rows - 1 frames later. Noise is drawn once and kept: it is what holds a picture
/// still from frame to frame.
/// </summary>
/// <param name="rows">The rows, most noise first.</param>
/// <param name="prediction">What the UNet predicts.</param>
/// <param name="spec">Guidance.</param>
/// <param name="noise">For each row as many numbers as a latent has.</param>
internal sealed class DenoisingWalk<T>(ScheduleRow[] rows, Prediction prediction, DiffusionSpec spec, ReadOnlyMemory<T> noise)
    where T : struct, IFloatingPointIeee754<T>
{
    private readonly int _length = noise.Length / rows.Length;
    private readonly T[] _x = new T[noise.Length / rows.Length];
    private readonly T[] _e = new T[noise.Length / rows.Length];
    private readonly T[] _u = new T[noise.Length / rows.Length];

    /// <summary>Noise that guidance pushes away from. It goes from frame to frame where there is one row only.</summary>
    public T[] Stock { get; } = new T[noise.Length / rows.Length];

    /// <summary>Denoises a latent in place.</summary>
    public void Run(Span<T> latent, Predict<T> predict)
    {
        var guided = spec.Guidance != Guidance.None && spec.GuidanceScale > 1;
        var stocked = guided && spec.Guidance != Guidance.Full;
        var (scale, delta) = (T.CreateChecked(spec.GuidanceScale), T.CreateChecked(spec.Delta));
        Mix(latent, Noise(0), rows[0].A, rows[0].B, _x);
        if (rows.Length > 1)
            Noise(0).CopyTo(Stock);
        for (var i = 0; i < rows.Length; i++)
        {
            var row = rows[i];
            Ask(i, prompted: true, predict, _e);
            if (guided)
            {
                if (spec.Guidance == Guidance.Full)
                    Ask(i, prompted: false, predict, _u);
                else if (spec.Guidance == Guidance.Initialize && i == 0)
                    Ask(i, prompted: false, predict, Stock);
                for (var j = 0; j < _length; j++)
                {
                    var u = stocked ? delta * Stock[j] : _u[j];
                    _e[j] = u + scale * (_e[j] - u);
                }
            }
            Denoise(_x, _e, row, latent);
            if (stocked)
            {
                for (var j = 0; j < _length; j++)
                    Stock[j] *= T.CreateChecked(row.B);
                Denoise(Stock, _e, row, Stock);
                var (a, b) = i + 1 < rows.Length ? (rows[i + 1].A, rows[i + 1].B) : (1, 1);
                Mix(Stock, Noise((i + 1) % rows.Length), a / b, 1, Stock);
            }
            if (i + 1 < rows.Length)
                Mix(latent, Noise(i + 1), rows[i + 1].A, rows[i + 1].B, _x);
        }
    }

    private ReadOnlySpan<T> Noise(int row) => noise.Span.Slice(row * _length, _length);

    // The prediction as noise, whatever the UNet was trained to predict.
    private void Ask(int row, bool prompted, Predict<T> predict, Span<T> noisePredicted)
    {
        predict(row, _x, prompted, noisePredicted);
        ToNoise(noisePredicted, _x, rows[row], prediction);
    }

    internal static void ToNoise(Span<T> predicted, ReadOnlySpan<T> noisy, ScheduleRow row, Prediction prediction)
    {
        var (a, b) = (T.CreateChecked(row.A), T.CreateChecked(row.B));
        for (var j = 0; j < predicted.Length && prediction != Prediction.Epsilon; j++)
            predicted[j] = prediction == Prediction.Velocity ? b * noisy[j] + a * predicted[j] : (noisy[j] - a * predicted[j]) / b;
    }

    internal static void Denoise(ReadOnlySpan<T> noisy, ReadOnlySpan<T> e, ScheduleRow row, Span<T> into)
    {
        var (a, b, skip, keep) = (T.CreateChecked(row.A), T.CreateChecked(row.B), T.CreateChecked(row.Skip), T.CreateChecked(row.Out));
        for (var j = 0; j < into.Length; j++)
            into[j] = keep * (noisy[j] - b * e[j]) / a + skip * noisy[j];
    }

    internal static void Mix(ReadOnlySpan<T> picture, ReadOnlySpan<T> noise, double a, double b, Span<T> into)
    {
        var (x, y) = (T.CreateChecked(a), T.CreateChecked(b));
        for (var j = 0; j < into.Length; j++)
            into[j] = x * picture[j] + y * noise[j];
    }
}
