using Microsoft.ML.OnnxRuntime;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Onnx;

/// <summary>
/// The shapes of the states and the result at a size: what the graph fixes is taken from it, the rest from the manifest. Where both leave a
/// choice (a
/// side that a state does not divide evenly, a mask of free size) a step on empty states tells.
/// </summary>
/// <param name="States">Of each state.</param>
/// <param name="Result">Of the output; null where it may differ from step to step.</param>
internal sealed record TensorShapes(long[][] States, long[]? Result)
{
    // States given in a wrong size come out in the right one after a step or two, or never.
    private const int Rounds = 4;

    /// <summary>The shape of a picture's tensor.</summary>
    public static long[] Picture(PictureSpec spec, int channels, int width, int height) =>
        spec.Layout == TensorLayout.Nchw ? [1, channels, height, width] : [1, height, width, channels];

    /// <param name="manifest">What the folder says.</param>
    /// <param name="session">Any session of the graph.</param>
    /// <param name="width">Width of the model's picture.</param>
    /// <param name="height">Height of the model's picture.</param>
    /// <param name="attempt">Makes a step with states of these shapes and returns the shapes that came out: the states', then the result's.</param>
    public static TensorShapes Of(ModelManifest manifest, InferenceSession session, int width, int height, Func<long[][], long[][]> attempt)
    {
        var output = manifest.Output!;
        var whole = manifest.Frame!.Layout == TensorLayout.Nchw;
        var open = false;
        var floors = Planes(up: false);
        var ceilings = Planes(up: true);
        var dimensions = session.OutputMetadata[output.Name].Dimensions;
        long[]? result = output.Role switch
        {
            OutputRole.Image => output.Layout == TensorLayout.Nchw ? [1, 3, height, width] : [1, height, width, 3],
            _ when dimensions.Length > 0 && dimensions.Skip(1).All(d => d > 0) => [.. dimensions.Select(d => (long)Math.Max(d, 1))],
            _ => null,
        };
        if (!open && (result is not null || output.Role == OutputRole.Data))
            return new TensorShapes(floors, result);
        try
        {
            return Settle(ceilings);
        }
        catch (OnnxRuntimeException) when (open)
        {
            return Settle(floors);
        }

        long[][] Planes(bool up) => [.. manifest.States.Select(s =>
        {
            if (s.Shape is { } shape)
                return shape.Select(d => (long)d).ToArray();
            long h = (height + (up ? s.Divide - 1 : 0)) / s.Divide, w = (width + (up ? s.Divide - 1 : 0)) / s.Divide;
            long[] wanted = whole ? [1, s.Channels, h, w] : [1, h, w, s.Channels];
            var known = session.InputMetadata[s.Input].Dimensions;
            open |= (height % s.Divide, width % s.Divide) != (0, 0) && !(known.Length == 4 && known.Skip(1).All(d => d > 0));
            return [.. wanted.Select((side, i) => known.ElementAtOrDefault(i) is > 0 and var given ? given : side)];
        })];

        TensorShapes Settle(long[][] states)
        {
            for (var round = 0; round < Rounds; round++)
            {
                var made = attempt(states);
                if (states.Zip(made).All(p => p.First.AsSpan().SequenceEqual(p.Second)))
                    return new TensorShapes(states, result ?? (output.Role == OutputRole.Data ? null : made[^1]));
                states = made[..^1];
            }
            throw new NotSupportedException($"The states do not come out as they go in at {width}x{height}, however often.");
        }
    }
}
