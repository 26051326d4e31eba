using System.Numerics;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Diffusion;

/// <summary>
/// What the UNet predicts for several noisy latents in one call, each at a row of its own frame's schedule, with its prompt or without.
/// </summary>
internal delegate void PredictBatch<T>(ReadOnlySpan<BatchRow> asked, ReadOnlySpan<T> noisy, Span<T> predictions);

/// <summary>A place in a batch of the UNet.</summary>
/// <param name="Row">Row of the schedule, and of the frames in work.</param>
/// <param name="Prompted">With the frame's prompt.</param>
internal readonly record struct BatchRow(int Row, bool Prompted);

/// <summary>
/// Takes as many frames as there are rows through the schedule at the same time, each at another row, in one call of the UNet a step: the
/// stream batch of StreamDiffusion (arXiv:2312.12491). The pictures are those of <see cref="DenoisingWalk{T}"/>, rows - 1 steps later.
/// </summary>
/// <param name="rows">Rows of the schedule.</param>
/// <param name="prediction">What the UNet predicts.</param>
/// <param name="spec">Guidance.</param>
/// <param name="noise">For each row as many numbers as a latent has.</param>
internal sealed class StreamBatch<T>(int rows, Prediction prediction, DiffusionSpec spec, ReadOnlyMemory<T> noise)
    where T : struct, IFloatingPointIeee754<T>
{
    private readonly BatchRow[] _asked = Asked(rows, spec);
    private readonly int _length = noise.Length / rows;
    private readonly T[] _noisy = new T[Asked(rows, spec).Length * (noise.Length / rows)];
    private readonly T[] _predicted = new T[Asked(rows, spec).Length * (noise.Length / rows)];
    private readonly T[] _latent = new T[noise.Length / rows];

    /// <summary>Latents in work, for each row the one that goes through it next; the first row's comes with its frame.</summary>
    public T[] Latents { get; } = new T[noise.Length];

    /// <summary>For each row the noise that guidance pushes away from.</summary>
    public T[] Stock { get; } = new T[noise.Length];

    /// <summary>Places of one call of the UNet.</summary>
    public int Size => _asked.Length;

    /// <summary>
    /// Moves all frames on by a row. The latent of the newest goes in, the denoised one of the oldest comes out in its place.
    /// </summary>
    /// <param name="latent">In and out.</param>
    /// <param name="schedules">For each row the whole schedule of the frame that goes through it now.</param>
    /// <param name="predict">The UNet.</param>
    public void Run(Span<T> latent, ScheduleRow[][] schedules, PredictBatch<T> predict)
    {
        var guided = spec.Guidance != Guidance.None && spec.GuidanceScale > 1;
        var stocked = guided && spec.Guidance != Guidance.Full;
        var (scale, delta) = (T.CreateChecked(spec.GuidanceScale), T.CreateChecked(spec.Delta));
        var first = schedules[0][0];
        DenoisingWalk<T>.Mix(latent, Noise(0), first.A, first.B, Of(Latents, 0));
        if (rows > 1)
        {
            Stock.AsSpan(0, (rows - 1) * _length).CopyTo(Stock.AsSpan(_length));
            Noise(0).CopyTo(Of(Stock, 0));
        }
        for (var place = 0; place < _asked.Length; place++)
            Of(Latents, _asked[place].Row).CopyTo(Of(_noisy, place));
        predict(_asked, _noisy, _predicted);
        for (var place = 0; place < _asked.Length; place++)
            DenoisingWalk<T>.ToNoise(Of(_predicted, place), Of(_noisy, place), schedules[_asked[place].Row][_asked[place].Row], prediction);

        var without = _asked.Length - rows;
        if (guided && spec.Guidance == Guidance.Initialize)
            Of(_predicted, 0).CopyTo(Of(Stock, 0));
        for (var i = rows - 1; i >= 0; i--)
        {
            var row = schedules[i][i];
            var e = Of(_predicted, without + i);
            var stock = Of(Stock, i);
            for (var j = 0; guided && j < _length; j++)
            {
                var u = stocked ? delta * stock[j] : _predicted[i * _length + j];
                e[j] = u + scale * (e[j] - u);
            }
            var denoised = i == rows - 1 ? latent : _latent.AsSpan();
            DenoisingWalk<T>.Denoise(Of(Latents, i), e, row, denoised);
            var next = i + 1 < rows ? schedules[i][i + 1] : default;
            if (stocked)
            {
                for (var j = 0; j < _length; j++)
                    stock[j] *= T.CreateChecked(row.B);
                DenoisingWalk<T>.Denoise(stock, e, row, stock);
                var (a, b) = i + 1 < rows ? (next.A, next.B) : (1, 1);
                DenoisingWalk<T>.Mix(stock, Noise((i + 1) % rows), a / b, 1, stock);
            }
            if (i + 1 < rows)
                DenoisingWalk<T>.Mix(denoised, Noise(i + 1), next.A, next.B, Of(Latents, i + 1));
        }
    }

    private static BatchRow[] Asked(int rows, DiffusionSpec spec)
    {
        var with = Enumerable.Range(0, rows).Select(i => new BatchRow(i, true));
        if (spec.GuidanceScale <= 1)
            return [.. with];
        return spec.Guidance switch
        {
            Guidance.Full => [.. Enumerable.Range(0, rows).Select(i => new BatchRow(i, false)), .. with],
            Guidance.Initialize => [new BatchRow(0, false), .. with],
            _ => [.. with],
        };
    }

    private Span<T> Of(T[] all, int place) => all.AsSpan(place * _length, _length);

    private ReadOnlySpan<T> Noise(int row) => noise.Span.Slice(row * _length, _length);
}
