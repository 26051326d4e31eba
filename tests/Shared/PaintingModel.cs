using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Tests.Shared;

/// <summary>
/// A model with a parameter of each kind: the lightness of its pictures is the value of one of them, or that of the middle of its reference
/// picture.
/// </summary>
internal sealed class PaintingModel : IVideoModel
{
    private readonly FramePool _pool = new("painting");

    public ModelInfo Info { get; } = new("painting", "1", "Painting", "Paints one level.", false, false, new ModelSizes(16, 4096, 2), [])
    {
        Parameters =
        [
            new("level", "Level", ParameterKind.Number) { Default = "0", Min = 0, Max = 200, Step = 5 },
            new("shape", "Shape", ParameterKind.Choice) { Default = "flat", Choices = ["flat", "ramp"] },
            new("invert", "Invert", ParameterKind.Flag) { Default = "false" },
            new("caption", "Caption", ParameterKind.Text),
            new("reference", "Reference", ParameterKind.Image),
            new("detail", "Detail", ParameterKind.Number) { Default = "1", Min = 1, Max = 3, Step = 1, Live = false },
        ],
    };

    public static int Luma(int level, bool inverted) => inverted ? 235 - level : level;

    public PromptReading Read(string text) => PromptReading.Empty;

    public IModelSession CreateSession(int width, int height) => new Session(_pool, width, height);

    public void Dispose()
    {
    }

    private sealed class Session(FramePool pool, int width, int height) : IModelSession
    {
        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            var frame = pool.Rent(width, height);
            var level = (int)prompt.Values.Number("level", 0);
            if (prompt.Values.Picture("reference") is { } reference)
            {
                using var shown = reference.Rent(pool);
                level = shown.Y[shown.Height / 2 * shown.StrideY + shown.Width / 2];
            }
            frame.Y.Fill((byte)Luma(level, prompt.Values.Text("invert") == "true"));
            frame.U.Fill(128);
            frame.V.Fill(128);
            frame.Colour = input.Colour;
            made[0] = MadeFrame.Of(input, frame, prompt.Revision);
            return 1;
        }

        public void Reset()
        {
        }

        public ModelState Capture() => new("painting", "1", width, height, ReadOnlyMemory<byte>.Empty);

        public void Restore(ModelState state)
        {
        }

        public void Dispose()
        {
        }
    }
}
