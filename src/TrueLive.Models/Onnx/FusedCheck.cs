using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>
/// Compares the operators that the host computes with the whole graph, on a few small pictures with a change of look, before the model is
/// used: a manifest that names the wrong tensors or constants is refused.
/// </summary>
internal static class FusedCheck
{
    private const int Steps = 4;

    // Of 0..1: less than half of one step of 8 bits.
    private const float Most = 1f / 512;

    /// <exception cref="ModelException">The results differ.</exception>
    public static void Run(ModelManifest manifest, OnnxSession fused, OnnxSession whole)
    {
        var pool = new FramePool("fused check", 1);
        for (var t = 0; t < Steps; t++)
        {
            using var picture = Picture(pool, fused.Width, fused.Height, t);
            var look = manifest.Looks.Length == 0 ? null : manifest.Looks[^(1 + t / 2 % manifest.Looks.Length)];
            var prompt = new Prompt(t / 2, "", 1, TimeSpan.Zero,
                look is null ? PromptReading.Empty : PromptReading.Empty with { Style = [.. look.Style] });
            fused.Step(picture, prompt).Dispose();
            whole.Step(picture, prompt).Dispose();
            var a = fused.Result.Floats;
            var b = whole.Result.Floats;
            var worst = 0f;
            for (var i = 0; i < a.Length; i++)
                worst = Math.Max(worst, float.IsNaN(a[i]) ? 1 : Math.Abs(a[i] - b[i]));
            // Negated so that NaN fails as well.
            if (!(worst <= Most))
                throw new ModelException($"{Path.Combine(manifest.Folder, "manifest.json")}: fused does not say what {manifest.File} " +
                    $"computes: after {t + 1} pictures they differ by {worst:0.####} (of 0..1). Correct its names and numbers, or " +
                    "leave fused out.");
        }
    }

    // Moving stripes with noise.
    private static VideoFrame Picture(FramePool pool, int width, int height, int t)
    {
        var frame = pool.Rent(width, height);
        frame.Colour = ColourSpace.Bt709Limited;
        frame.Ticket = new FrameTicket(t, TimeSpan.FromSeconds(t / 30.0), 0, (uint)(t * 3000));
        for (var i = 0; i < frame.Y.Length; i++)
            frame.Y[i] = (byte)(40 + (i % frame.StrideY + 3 * t) / 8 % 8 * 20 + i * 7919L % 5);
        for (var i = 0; i < frame.U.Length; i++)
            (frame.U[i], frame.V[i]) = ((byte)(90 + i % frame.StrideC % 64), (byte)(100 + i / frame.StrideC % 64));
        return frame;
    }
}
