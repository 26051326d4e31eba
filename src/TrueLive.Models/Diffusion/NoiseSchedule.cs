using System.Text.Json;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Diffusion;

/// <summary>What the UNet was trained to predict.</summary>
internal enum Prediction
{
    /// <summary>The noise.</summary>
    Epsilon,

    /// <summary>The velocity of arXiv:2202.00512.</summary>
    Velocity,

    /// <summary>The picture.</summary>
    Sample,
}

/// <summary>
/// One step of the schedule: a noisy latent is <c>A * picture + B * noise</c>; a denoised one is <c>Out * prediction + Skip * noisy</c>.
/// </summary>
internal readonly record struct ScheduleRow(int Timestep, double A, double B, double Skip, double Out);

/// <summary>
/// The noise levels that a UNet was trained on, read from diffusers' <c>scheduler_config.json</c>, on the grid of latent consistency models
/// (arXiv:2310.04378, with its boundary condition for a data deviation of 0.5 and a timestep scaling of 10).
/// </summary>
internal sealed class NoiseSchedule
{
    private const int MaxBytes = 1 << 20;

    // All of them walk the same noise levels; which of them a folder names decides how many steps its makers meant, and here that says the
    // manifest.
    private static readonly string[] Known =
    [
        "LCMScheduler", "TCDScheduler", "DDIMScheduler", "DDPMScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "EulerDiscreteScheduler",
        "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler", "KDPM2DiscreteScheduler", "KDPM2AncestralDiscreteScheduler",
        "DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler", "DEISMultistepScheduler",
        "UniPCMultistepScheduler",
    ];

    private readonly double[] _kept;

    private NoiseSchedule(double[] kept, Prediction prediction) => (_kept, Prediction) = (kept, prediction);

    public Prediction Prediction { get; }

    /// <exception cref="ModelException">The file is not a scheduler's, or of one that is not supported.</exception>
    public static NoiseSchedule Load(string folder)
    {
        var path = Path.Combine(folder, "scheduler", "scheduler_config.json");
        return Parse(FolderFile.Read(path, "diffusion", MaxBytes), path);
    }

    /// <exception cref="ModelException">As <see cref="Load"/>.</exception>
    internal static NoiseSchedule Parse(byte[] bytes, string path)
    {
        try
        {
            using var document = JsonDocument.Parse(PythonJson.Plain(bytes), new JsonDocumentOptions { MaxDepth = 16 });
            var root = document.RootElement;
            Require(root.ValueKind == JsonValueKind.Object, "(whole file)", "must be an object");
            var name = Text("_class_name", "DDIMScheduler");
            Require(Known.Contains(name), "_class_name", $"is '{Short(name)}'; supported are {string.Join(", ", Known)}");
            var steps = Number("num_train_timesteps", 1000);
            Require(steps is >= DiffusionSpec.Grid and <= 10_000 && steps % DiffusionSpec.Grid == 0, "num_train_timesteps",
                $"must be a multiple of {DiffusionSpec.Grid} up to 10000");
            var (start, end) = (Number("beta_start", 0.00085), Number("beta_end", 0.012));
            Require(start is > 0 and < 1 && end >= start && end < 1, "beta_start, beta_end", "must rise within 0..1");
            Require(!(root.TryGetProperty("rescale_betas_zero_snr", out var rescaled) && rescaled.ValueKind == JsonValueKind.True),
                "rescale_betas_zero_snr", "is true, which is not supported");
            Require(!(root.TryGetProperty("trained_betas", out var trained) && trained.ValueKind != JsonValueKind.Null), "trained_betas",
                "is given, which is not supported");
            var (schedule, kind) = (Text("beta_schedule", "scaled_linear"), Text("prediction_type", "epsilon"));
            Require(schedule is "scaled_linear" or "linear", "beta_schedule", $"is '{Short(schedule)}'; supported are scaled_linear and linear");
            var prediction = kind switch
            {
                "epsilon" => Prediction.Epsilon,
                "v_prediction" => Prediction.Velocity,
                "sample" => Prediction.Sample,
                _ => (Prediction?)null
            };
            Require(prediction is not null, "prediction_type", $"is '{Short(kind)}'; supported are epsilon, v_prediction and sample");
            var kept = new double[(int)steps];
            var product = 1.0;
            for (var i = 0; i < kept.Length; i++)
            {
                var share = i / (kept.Length - 1.0);
                var beta = schedule == "linear"
                    ? start + share * (end - start)
                    : Math.Pow(Math.Sqrt(start) + share * (Math.Sqrt(end) - Math.Sqrt(start)), 2);
                kept[i] = product *= 1 - beta;
            }
            return new NoiseSchedule(kept, prediction!.Value);

            string Text(string field, string missing) =>
                !root.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null ? missing
                : value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(field, "must be text");

            double Number(string field, double missing) =>
                !root.TryGetProperty(field, out var value) || value.ValueKind == JsonValueKind.Null ? missing
                : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) ? number
                : throw Wrong(field, "must be a number");
        }
        catch (JsonException e)
        {
            throw new ModelException($"{path} cannot be read (line {e.LineNumber + 1}): it is not JSON.", e);
        }
        catch (InvalidOperationException e)
        {
            // Text with half of a surrogate pair.
            throw new ModelException($"{path} cannot be read: a text in it is not Unicode.", e);
        }

        ModelException Wrong(string field, string rule) => new($"{path}: {field} {rule}.");

        // A text may be as long as the file.
        static string Short(string text) => text.Length > 60 ? text[..60] + "..." : text;

        void Require(bool holds, string field, string rule)
        {
            if (!holds)
                throw Wrong(field, rule);
        }
    }

    /// <summary>The row at a step of the grid, 0 to 49.</summary>
    public ScheduleRow At(int step)
    {
        var t = (DiffusionSpec.Grid - step) * (_kept.Length / DiffusionSpec.Grid) - 1;
        var scaled = 10.0 * t;
        return new ScheduleRow(t, Math.Sqrt(_kept[t]), Math.Sqrt(1 - _kept[t]), 0.25 / (scaled * scaled + 0.25),
            scaled / Math.Sqrt(scaled * scaled + 0.25));
    }
}
