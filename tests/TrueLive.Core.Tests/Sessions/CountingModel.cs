using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Tests.Sessions;

/// <summary>
/// A model whose output luma is the number of steps its memory has seen, so that a test sees whether memory was kept; chroma is
/// the prompt's revision. It can be held inside a step and told to fail.
/// </summary>
internal sealed class CountingModel(FramePool pool, string id = "counting") : IVideoModel
{
    public ModelInfo Info { get; } = new(id, "1", id, "", TakesPrompt: true, HasMemory: true, new ModelSizes(16, 512, 4), []);

    public SemaphoreSlim? Gate { get; set; }

    public SemaphoreSlim Entered { get; } = new(0);

    public Exception? Fails { get; set; }

    /// <summary>Luma of what is shown of a frame that is passed through; null for the frame itself.</summary>
    public byte? Covers { get; set; }

    public Exception? CoverFails { get; set; }

    public Exception? CaptureFails { get; set; }

    /// <summary>Whether every second picture is marked as a repeat.</summary>
    public bool Repeats { get; set; }

    public int Alive;

    public PromptReading Read(string text) => PromptReading.Empty with { Note = $"{id} read {text}" };

    public IModelSession CreateSession(int width, int height)
    {
        Interlocked.Increment(ref Alive);
        return new Session(this, width, height);
    }

    public void Dispose()
    {
    }

    private sealed class Session(CountingModel owner, int width, int height) : IModelSession
    {
        private byte _steps;

        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            owner.Entered.Release();
            owner.Gate?.Wait();
            if (owner.Fails is not null)
                throw owner.Fails;
            var output = owner.Pool.Rent(width, height);
            output.Y.Fill(++_steps);
            output.U.Fill((byte)prompt.Revision);
            made[0] = MadeFrame.Of(input, output, prompt.Revision);
            if (owner.Repeats && _steps % 2 == 0)
                made[0] = made[0] with { Ticket = made[0].Ticket with { Origin = FrameOrigin.Repeated } };
            return 1;
        }

        public MadeFrame? Cover(VideoFrame input, Prompt prompt)
        {
            if (owner.CoverFails is { } error)
                throw error;
            if (owner.Covers is not { } luma)
                return null;
            var output = owner.Pool.Rent(width, height);
            output.Y.Fill(luma);
            return new MadeFrame(output, input.Ticket with
            {
                Mask = new FrameMask("person", "blur", 0, 6 * TimeSpan.TicksPerMillisecond),
            });
        }

        public void Reset() => _steps = 0;

        public ModelState Capture() => owner.CaptureFails is { } error ? throw error
            : new(owner.Info.Id, "1", width, height, new[] { _steps });

        public void Restore(ModelState state) => _steps = state.Bytes.Span[0];

        public void Dispose() => Interlocked.Decrement(ref owner.Alive);
    }

    private FramePool Pool => pool;
}
