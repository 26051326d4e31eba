using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Graphs;

namespace TrueLive.Models.Masks;

/// <summary>
/// The network that tells persons from the background: the weights, shared by all sessions and kept in this assembly. It runs on one
/// thread, so its result does not depend on how many there are. Thread-safe.
/// </summary>
internal static class PersonNetwork
{
    // It was trained on pictures of this size; shorter sides keep the shape of the picture, which it knows better than a distorted one.
    private const int LongSide = 256;
    private const int ShortestSide = 96;
    private const int Multiple = 16;

    private const string File = "TrueLive.Models.Masks.person-mask.onnx";

    private static readonly Lazy<InferenceSession> Shared = new(Open);

    /// <summary>Size at which it sees pictures of a size.</summary>
    public static (int Width, int Height) SizeFor(int width, int height)
    {
        var scale = (double)LongSide / Math.Max(width, height);
        return (Side(width * scale), Side(height * scale));

        static int Side(double side) => Math.Max(ShortestSide, (int)Math.Round(side / Multiple) * Multiple);
    }

    /// <summary>One stream's tensors.</summary>
    public sealed class Run : IDisposable
    {
        private readonly TensorBuffer _picture;
        private readonly TensorBuffer _person;
        private readonly RunOptions _options = new();
        private readonly BoundCall _call = new(Shared.Value);

        /// <param name="width">Width that <see cref="SizeFor"/> gave.</param>
        /// <param name="height">Height that it gave.</param>
        public Run(int width, int height)
        {
            _picture = new(TensorElementType.Float, [1, 3, height, width]);
            _person = new(TensorElementType.Float, [1, 1, height, width]);
            _call.Input("picture", _picture);
            _call.Output("person", _person);
        }

        /// <summary>How much each pixel of a picture of that size is of a person, 0..1; valid until the next call.</summary>
        /// <exception cref="ModelStepException">The runtime failed.</exception>
        public ReadOnlySpan<float> Of(VideoFrame picture)
        {
            var pixels = _person.Count;
            var planes = _picture.Floats;
            ColourConversion.ToPlanarRgb(picture, planes[..pixels], planes.Slice(pixels, pixels), planes[(2 * pixels)..], TensorScale.Unit);
            try
            {
                _call.Run(_options);
            }
            catch (OnnxRuntimeException e)
            {
                throw GraphRuntime.Failed("The person could not be told from the background", e);
            }
            return _person.Floats[..pixels];
        }

        public void Dispose()
        {
            _call.Dispose();
            _options.Dispose();
            _picture.Dispose();
            _person.Dispose();
        }
    }

    private static InferenceSession Open()
    {
        using var stream = typeof(PersonNetwork).Assembly.GetManifestResourceStream(File)!;
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return GraphRuntime.Open(File, bytes, 1);
    }
}
