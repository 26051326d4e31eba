using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Onnx;

/// <summary>
/// A session of a model with an odd width or height. Pictures with 4:2:0 chroma are coded with even sides, so the last column or row of
/// the output is repeated; the input is scaled to the model's own size.
/// </summary>
internal sealed class EvenSession(OnnxSession fused, FramePool outputs, int width, int height) : IModelSession
{
    public int Width => width;

    public int Height => height;

    public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        var count = fused.Step(input, prompt, made);
        foreach (ref var one in made[..count])
        {
            using var odd = one.Frame;
            one = one with { Frame = Even(odd) };
        }
        return count;
    }

    private VideoFrame Even(VideoFrame made)
    {
        var output = outputs.Rent(width, height);
        output.Colour = made.Colour;
        for (var y = 0; y < height; y++)
        {
            var row = output.Y.Slice(y * output.StrideY, width);
            made.Y.Slice(Math.Min(y, made.Height - 1) * made.StrideY, made.Width).CopyTo(row);
            row[made.Width..].Fill(row[made.Width - 1]);
        }
        // Chroma of an odd side is rounded up, so both have the same size.
        made.U.CopyTo(output.U);
        made.V.CopyTo(output.V);
        return output;
    }

    public void Reset() => fused.Reset();

    public ModelState Capture() => fused.Capture() with { Width = width, Height = height };

    public void Restore(ModelState state) =>
        fused.Restore((state.Width, state.Height) == (width, height) ? state with { Width = fused.Width, Height = fused.Height } : state);

    public void Dispose() => fused.Dispose();
}
