using System.Numerics;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Models;
using TrueLive.Models.Convolutions;
using TrueLive.Models.Manifest;
using TrueLive.Models.Onnx;

namespace TrueLive.Models.Fused;

/// <summary>
/// A model whose first and last operators the host computes itself, each in one pass over the picture; a runtime makes a pass for every
/// addition. The rest of the graph is cut in two: a part from the stem to the paint that runs for every picture, and a part that runs when
/// the style changes. The file stays whole and is the reference that <see cref="FusedCheck"/> compares with.
/// </summary>
internal sealed class FusedModel : IDisposable
{
    /// <summary>Planes of the stem: red, green and blue of the frame, of frame - last frame, of last image - frame, and the hold.</summary>
    public const int StemPlanes = 10;

    /// <summary>Planes of the paint at half size: red, green, blue and the wish to hold, each for the four pixels of a square.</summary>
    public const int HalfOutputPlanes = 16;

    /// <summary>A colour matrix minus identity: three rows of three factors and a shift.</summary>
    public const int GradeLength = 12;

    private readonly InferenceSession _styles;

    private FusedModel(
        FusedSpec spec, string style, InferenceSession styles, byte[]? step, int[] screen, IReadOnlyList<Convolution>? convolutions) =>
        (Spec, Style, _styles, Step, Channels, ScreenHeight, ScreenWidth, Convolutions) = (spec, style, styles, step, screen[1], screen[2],
            screen[3], convolutions);

    public FusedSpec Spec { get; }

    /// <summary>The part that runs for every picture, as an ONNX file; null if <see cref="Convolutions"/> replaces it.</summary>
    public byte[]? Step { get; }

    /// <summary>The same part as layers that the host computes; null if the processor or the graph is not supported.</summary>
    public IReadOnlyList<Convolution>? Convolutions { get; }

    /// <summary>The input of the step that takes the style.</summary>
    public string Style { get; }

    /// <summary>Planes of the screen.</summary>
    public int Channels { get; }

    /// <summary>Height of the screen, which is repeated over the half-size picture.</summary>
    public int ScreenHeight { get; }

    /// <summary>Width of the screen.</summary>
    public int ScreenWidth { get; }

    /// <summary>Cuts the graph at the tensors that the manifest names.</summary>
    /// <param name="manifest">With <see cref="ModelManifest.Fused"/>.</param>
    /// <param name="model">The whole ONNX file.</param>
    /// <param name="own">Whether the host computes the convolutions where it can.</param>
    /// <param name="open">Opens a part of the graph in the runtime.</param>
    /// <exception cref="ModelException">A tensor does not exist or has another shape.</exception>
    public static FusedModel Cut(ModelManifest manifest, byte[] model, bool own, Func<byte[], InferenceSession> open)
    {
        var spec = manifest.Fused!;
        var style = manifest.Style!;
        var given = new CutInput(style.Input, 1, style.Length);
        var styles = open(Make([given], [spec.Screen, spec.Grade]));
        IReadOnlyList<Convolution>? convolutions = null;
        try
        {
            var screen = styles.OutputMetadata[spec.Screen].Dimensions;
            Require(screen is [1, > 0 and <= 256, > 0 and <= 64, > 0 and <= 64] && manifest.Size!.Multiple / 2 % screen[2] == 0
                && manifest.Size.Multiple / 2 % screen[3] == 0,
                "screen", $"must have 1 x channels x height x width whose sides divide half of size.multiple; '{spec.Screen}' is " +
                    $"[{string.Join(", ", screen)}]");
            var grade = styles.OutputMetadata[spec.Grade].Dimensions;
            Require(grade.Aggregate(1, (a, b) => a * b) == GradeLength, "grade",
                $"must have {GradeLength} numbers; '{spec.Grade}' is [{string.Join(", ", grade)}]");
            var step = Make([new(spec.Stem, 1, StemPlanes, null, null), given, new(spec.Tiles, 1, screen[1], null, null)], [spec.Paint]);
            var layers = own ? Layers(manifest, step, screen) : null;
            if (layers is not null && WithLayers(layers) is { } with)
            {
                styles.Dispose();
                (styles, convolutions) = (with, [.. layers.Select(Convolution.Of)]);
            }
            return new FusedModel(spec, style.Input, styles, convolutions is null ? step : null, screen, convolutions);
        }
        catch
        {
            styles.Dispose();
            throw;
        }

        // Also outputs the tensors that the layers take from a style; null if they are not one number per channel, or depend on more than
        // the style.
        InferenceSession? WithLayers(IReadOnlyList<ConvLayer> layers)
        {
            try
            {
                var with = open(Make([given], [spec.Screen, spec.Grade, .. Named(layers)]));
                if (layers.All(l => Fits(with, l.Scale, l.Out) && Fits(with, l.Shift, l.Out)))
                    return with;
                with.Dispose();
            }
            catch (ModelException)
            {
                // The runtime computes the step instead.
            }
            return null;
        }

        byte[] Make(CutInput[] inputs, string[] outputs)
        {
            try
            {
                return GraphCut.Make(model, inputs, outputs);
            }
            catch (InvalidDataException e)
            {
                throw new ModelException($"{Path.Combine(manifest.Folder, "manifest.json")}: fused names {e.Message}, which " +
                    $"{manifest.File} does not have.", e);
            }
        }

        void Require(bool holds, string field, string rule)
        {
            if (!holds)
                throw new ModelException($"{Path.Combine(manifest.Folder, "manifest.json")}: fused.{field} {rule}.");
        }
    }

    // The step as layers that can be computed here; null if it holds anything else, or this processor is not supported.
    private static IReadOnlyList<ConvLayer>? Layers(ModelManifest manifest, byte[] step, int[] screen)
    {
        var (spec, size) = (manifest.Fused!, manifest.Size!);
        var smallest = Math.Min(size.Min, Math.Min(size.Width ?? size.Min, size.Height ?? size.Min));
        if (!Microkernel.IsSupported || smallest < StemConvolution.MinSide || !BitOperations.IsPow2(screen[2])
            || !BitOperations.IsPow2(screen[3]))
            return null;
        var layers = ConvGraph.Read(step, spec.Stem, spec.Tiles, spec.Paint);
        var fits = layers is not null && layers[0].In == StemPlanes && (layers[^1].Out, layers[^1].Divide) == (HalfOutputPlanes, 2)
            && layers.All(l => size.Multiple % l.Divide == 0 && (!l.Screened || (l.Out, l.Divide) == (screen[1], 2)))
            && !Named(layers).Any(n => n == spec.Screen || n == spec.Grade);
        return fits ? layers : null;
    }

    /// <summary>The tensors that a style determines; to be computed when it changes.</summary>
    /// <exception cref="ModelStepException">A tensor does not have the length that the graph declares.</exception>
    public StyleTensors At(float[] style, RunOptions run)
    {
        string[] layers = [.. Named((Convolutions ?? []).Select(c => c.Layer))];
        using var input = OrtValue.CreateTensorValueFromMemory(style, [1, style.Length]);
        using var results = _styles.Run(run, [Style], [input], [Spec.Screen, Spec.Grade, .. layers]);
        return new StyleTensors(style, Values(0, Channels * ScreenHeight * ScreenWidth), Values(1, GradeLength),
            layers.Select((name, i) => (name, i)).ToDictionary(l => l.name,
                l => Values(2 + l.i, Convolutions!.First(c => c.Layer.Scale == l.name || c.Layer.Shift == l.name).Layer.Out)));

        float[] Values(int at, int length) => results[at].GetTensorDataAsSpan<float>() is var values && values.Length == length
            ? values.ToArray()
            : throw new ModelStepException($"A style has {values.Length} numbers where the graph names {length}.", null);
    }

    private static IEnumerable<string> Named(IEnumerable<ConvLayer> layers) =>
        layers.SelectMany(l => new[] { l.Scale, l.Shift }).OfType<string>().Distinct();

    private static bool Fits(InferenceSession styles, string? tensor, int channels) =>
        tensor is null || (styles.OutputMetadata[tensor] is { IsTensor: true } meta && meta.ElementType == typeof(float)
            && meta.Dimensions.Length == 4 && meta.Dimensions.SequenceEqual([1, channels, 1, 1]));

    public void Dispose() => _styles.Dispose();
}
