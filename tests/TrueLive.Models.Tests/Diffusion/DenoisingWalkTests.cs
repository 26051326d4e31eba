using System.Text.Json;
using TrueLive.Models.Diffusion;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>
/// The arithmetic of all steps, in double precision on a toy model, against StreamDiffusion's stream batch (arXiv:2312.12491): all rows in
/// one call, each with a different frame, so that a picture comes out rows - 1 frames late.
/// </summary>
public sealed class DenoisingWalkTests
{
    private const int Width = 3;
    private const int Length = 12;
    private const int Frames = 9;

    private static readonly NoiseSchedule Schedule = NoiseSchedule.Parse("{}"u8.ToArray(), "scheduler_config.json");

    public static TheoryData<int[], Guidance, float, float> Ways()
    {
        var data = new TheoryData<int[], Guidance, float, float>();
        foreach (int[] steps in new int[][] { [32], [35, 45], [12, 20, 32], [0, 16, 32, 45] })
        {
            foreach (var guidance in Enum.GetValues<Guidance>())
            {
                data.Add(steps, guidance, 1, 1);
                data.Add(steps, guidance, 1.4f, 0.5f);
            }
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void One_frame_through_all_steps_is_what_the_batched_form_shows_later(int[] steps, Guidance guidance, float scale, float delta)
    {
        var random = new Random(steps.Length + (int)guidance);
        double[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextDouble() - 1)];
        var (noise, told, untold) = (Draw(steps.Length * Length), Draw(6), Draw(6));
        var frames = Enumerable.Range(0, Frames).Select(_ => Draw(Length)).ToArray();
        var spec = new DiffusionSpec(steps, guidance, scale, delta);
        Compare(spec, noise, told, untold, frames, Batched(spec, noise, told, untold, frames), Width, 1e-12);
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void The_stream_batch_is_the_batched_form(int[] steps, Guidance guidance, float scale, float delta)
    {
        var random = new Random(steps.Length + (int)guidance);
        double[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => 2 * random.NextDouble() - 1)];
        var (noise, told, untold) = (Draw(steps.Length * Length), Draw(6), Draw(6));
        var frames = Enumerable.Range(0, Frames).Select(_ => Draw(Length)).ToArray();
        var spec = new DiffusionSpec(steps, guidance, scale, delta);
        var (found, wanted) = (Streamed(spec, noise, told, untold, frames, Width), Batched(spec, noise, told, untold, frames));
        Assert.All(found.Zip(wanted).Skip(steps.Length - 1),
            p => Assert.All(p.First.Zip(p.Second), n => Assert.Equal(n.Second, n.First, 1e-12)));
    }

    /// <summary>Cases computed by StreamDiffusion's own code; needs the file that TRUELIVE_STREAM_BATCH_CASES names.</summary>
    [Fact]
    public void Cases_of_others_come_out_the_same()
    {
        var path = Environment.GetEnvironmentVariable("TRUELIVE_STREAM_BATCH_CASES");
        Assert.SkipWhen(string.IsNullOrEmpty(path), "TRUELIVE_STREAM_BATCH_CASES names no file.");
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        var width = document.RootElement.GetProperty("shape").GetProperty("width").GetInt32();
        var cases = document.RootElement.GetProperty("cases");
        foreach (var one in cases.EnumerateArray())
        {
            double[] Numbers(string name) => [.. one.GetProperty(name).EnumerateArray().Select(n => n.GetDouble())];
            var steps = one.GetProperty("t_index").EnumerateArray().Select(n => n.GetInt32()).ToArray();
            var spec = new DiffusionSpec(steps, Enum.Parse<Guidance>(one.GetProperty("guidance").GetString()!, true),
                one.GetProperty("scale").GetSingle(), one.GetProperty("delta").GetSingle());
            var noise = Numbers("noise");
            var length = noise.Length / steps.Length;
            double[][] Pictures(string name) => [.. Numbers(name).Chunk(length)];
            var (told, untold, frames, outputs) = (Numbers("cond"), Numbers("uncond"), Pictures("frames"), Pictures("outputs"));
            Compare(spec, noise, told, untold, frames, outputs, width, 1e-6);
            // The output before the batch is filled is not a picture, but has the same numbers.
            Assert.All(Streamed(spec, noise, told, untold, frames, width).Zip(outputs),
                p => Assert.All(p.First.Zip(p.Second), n => Assert.Equal(n.Second, n.First, 1e-6)));
        }
    }

    private static double[][] Streamed(DiffusionSpec spec, double[] noise, double[] told, double[] untold, double[][] frames, int width)
    {
        var (length, rows) = (frames[0].Length, spec.Steps.Select(Schedule.At).ToArray());
        var batch = new StreamBatch<double>(rows.Length, Prediction.Epsilon, spec, noise);
        ScheduleRow[][] schedules = [.. rows.Select(_ => rows)];
        return [.. frames.Select(frame =>
        {
            var latent = (double[])frame.Clone();
            batch.Run(latent, schedules, (asked, noisy, predictions) =>
            {
                for (var place = 0; place < asked.Length; place++)
                {
                    var words = asked[place].Prompted ? told : untold;
                    Toy(noisy.Slice(place * length, length), rows[asked[place].Row].Timestep, words, width)
                        .CopyTo(predictions[(place * length)..]);
                }
            });
            return latent;
        })];
    }

    private static void Compare(DiffusionSpec spec, double[] noise, double[] told, double[] untold, double[][] frames, double[][] batched,
        int width, double tolerance)
    {
        var rows = spec.Steps.Select(Schedule.At).ToArray();
        var walk = new DenoisingWalk<double>(rows, Prediction.Epsilon, spec, noise);
        for (var j = 0; j + spec.Steps.Length - 1 < frames.Length; j++)
        {
            var latent = (double[])frames[j].Clone();
            walk.Run(latent, (row, noisy, prompted, prediction) => Toy(noisy, rows[row].Timestep, prompted ? told : untold, width)
                .CopyTo(prediction));
            Assert.All(latent.Zip(batched[j + spec.Steps.Length - 1]), p => Assert.Equal(p.Second, p.First, tolerance));
        }
    }

    [Fact]
    public void A_network_that_predicts_velocity_or_the_picture_gives_the_same_as_one_that_predicts_noise()
    {
        var rows = new[] { 20, 35 }.Select(Schedule.At).ToArray();
        var (noise, frame, told) = (new double[2 * Length], Enumerable.Range(0, Length).Select(i => Math.Sin(i)).ToArray(), new[] { 0.3 });
        for (var i = 0; i < noise.Length; i++)
            noise[i] = Math.Cos(3 * i);
        var spec = new DiffusionSpec([20, 35], Guidance.Self, 1.3f, 0.7f);
        var results = Enum.GetValues<Prediction>().Select(kind =>
        {
            var latent = (double[])frame.Clone();
            new DenoisingWalk<double>(rows, kind, spec, noise).Run(latent, (row, noisy, prompted, prediction) =>
            {
                var e = Toy(noisy, rows[row].Timestep, told, Width);
                var (a, b) = (rows[row].A, rows[row].B);
                for (var i = 0; i < e.Length; i++)
                    prediction[i] = kind switch
                    {
                        Prediction.Epsilon => e[i],
                        Prediction.Sample => (noisy[i] - b * e[i]) / a,
                        _ => (e[i] - b * noisy[i]) / a
                    };
            });
            return latent;
        }).ToArray();
        Assert.All(results.Skip(1), r => Assert.All(r.Zip(results[0]), p => Assert.Equal(p.Second, p.First, 1e-9)));
    }

    [Theory]
    [InlineData(0, 999, 0.068265, 0.997667)]
    [InlineData(12, 759, 0.228501, 0.973544)]
    [InlineData(35, 299, 0.769534, 0.638605)]
    [InlineData(45, 99, 0.946289, 0.323323)]
    public void The_grid_has_the_levels_of_Stable_Diffusion(int step, int timestep, double a, double b)
    {
        var row = Schedule.At(step);
        Assert.Equal(timestep, row.Timestep);
        Assert.Equal(a, row.A, 1e-6);
        Assert.Equal(b, row.B, 1e-6);
    }

    // StreamDiffusion's complete step: rows hold different frames; see predict_x0_batch and unet_step of its pipeline.
    private static double[][] Batched(
        DiffusionSpec spec, double[] noise, double[] told, double[] untold, double[][] frames, int width = Width)
    {
        var n = spec.Steps.Length;
        var length = noise.Length / n;
        var rows = spec.Steps.Select(Schedule.At).ToArray();
        var kept = noise.Chunk(length).ToArray();
        var x = Enumerable.Range(0, n).Select(_ => new double[length]).ToArray();
        var stock = Enumerable.Range(0, n).Select(_ => new double[length]).ToArray();
        for (var i = 1; i < n; i++)
            x[i] = [.. kept[i].Select(v => rows[i].B * v)];
        var shown = new List<double[]>();
        foreach (var frame in frames)
        {
            x[0] = Zip(frame, kept[0], (z, e) => rows[0].A * z + rows[0].B * e);
            if (n > 1)
                stock = [kept[0], .. stock.SkipLast(1)];
            var e = x.Select((v, i) => Toy(v, rows[i].Timestep, told, width)).ToArray();
            if (spec.GuidanceScale > 1 && spec.Guidance != Guidance.None)
            {
                if (spec.Guidance == Guidance.Initialize)
                    stock[0] = Toy(x[0], rows[0].Timestep, untold, width);
                var u = spec.Guidance == Guidance.Full
                    ? x.Select((v, i) => Toy(v, rows[i].Timestep, untold, width)).ToArray()
                    : stock.Select(s => s.Select(v => spec.Delta * v).ToArray()).ToArray();
                e = [.. e.Select((v, i) => Zip(v, u[i], (p, q) => q + spec.GuidanceScale * (p - q)))];
            }
            double[] Denoised(double[] from, int i) =>
                Zip(from, e[i], (p, q) => rows[i].Out * (p - rows[i].B * q) / rows[i].A + rows[i].Skip * p);
            var d = x.Select((v, i) => Denoised(v, i)).ToArray();
            if (spec.Guidance is Guidance.Self or Guidance.Initialize)
            {
                stock = [.. stock.Select((s, i) => Zip(kept[(i + 1) % n], Denoised([.. s.Select(v => rows[i].B * v)], i),
                    (p, q) => p + (i + 1 < n ? rows[i + 1].A / rows[i + 1].B : 1) * q))];
            }
            shown.Add(d[^1]);
            for (var i = n - 1; i > 0; i--)
                x[i] = Zip(d[i - 1], kept[i], (p, q) => rows[i].A * p + rows[i].B * q);
        }
        return [.. shown];
    }

    private static double[] Toy(ReadOnlySpan<double> x, int t, double[] told, int width)
    {
        var made = new double[x.Length];
        var mean = told.Average();
        for (var i = 0; i < made.Length; i++)
        {
            var left = i % width == 0 ? i + width - 1 : i - 1;
            made[i] = Math.Tanh(0.7 * x[i] * (1 + t / 1000.0) + 0.3 * x[left] + mean);
        }
        return made;
    }

    private static double[] Zip(double[] a, double[] b, Func<double, double, double> of) => [.. a.Zip(b, of)];
}
