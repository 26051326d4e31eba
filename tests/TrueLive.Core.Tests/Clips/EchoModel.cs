using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Tests.Clips;

/// <summary>
/// A model with memory whose output is easy to predict: each step adds one to a counter that is painted into the luma, so a frame says how
/// many steps the memory had seen, and the length of the prompt goes into the chroma.
/// </summary>
internal sealed class EchoModel(FramePool pool) : IVideoModel
{
    public Func<bool>? FailNextStep { get; set; }

    public Action? OnStep { get; set; }

    public long Steps;

    public ModelInfo Info { get; } = new("echo", "1", "Echo", "Counts steps.", true, true, new ModelSizes(16, 4096, 2), []);

    public PromptReading Read(string text) =>
        PromptReading.Empty with { UnknownWords = text.Contains("qwx", StringComparison.Ordinal) ? ["qwx"] : [] };

    public IModelSession CreateSession(int width, int height) => new Session(this, width, height);

    public void Dispose()
    {
    }

    private sealed class Session(EchoModel model, int width, int height) : IModelSession
    {
        private byte _seen;

        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            model.OnStep?.Invoke();
            if (model.FailNextStep?.Invoke() == true)
                throw new ModelStepException("The network failed on purpose.");
            Interlocked.Increment(ref model.Steps);
            var output = model.Pool.Rent(width, height);
            output.Y.Fill(++_seen);
            output.U.Fill((byte)prompt.Text.Length);
            output.V.Fill(input.V[0]);
            made[0] = MadeFrame.Of(input, output, prompt.Revision);
            return 1;
        }

        public void Reset() => _seen = 0;

        public ModelState Capture() => new("echo", "1", width, height, new[] { _seen });

        public void Restore(ModelState state) => _seen = state.Bytes.Span[0];

        public void Dispose()
        {
        }
    }

    private FramePool Pool => pool;
}
