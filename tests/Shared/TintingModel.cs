using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Tests.Shared;

/// <summary>Returns its frames in the colour of the prompt, one by one or in chunks; a chunk is made with one prompt.</summary>
/// <param name="chunk">Frames that it takes and gives at a time.</param>
/// <param name="work">What a step does beside that; null for nothing.</param>
internal sealed class TintingModel(Chunk chunk, Action? work = null) : IVideoModel
{
    private readonly FramePool _pool = new("tinting", 64);

    public ModelInfo Info { get; } = new("tinting", "1", "Tinting", "Tints.", true, false, new ModelSizes(16, 4096, 2), [])
    { Chunk = chunk };

    public PromptReading Read(string text) => PromptReading.Empty;

    public IModelSession CreateSession(int width, int height) => new Session(_pool, chunk, work, width, height);

    public void Dispose()
    {
    }

    private sealed class Session(FramePool pool, Chunk chunk, Action? work, int width, int height) : IModelSession
    {
        private readonly Queue<VideoFrame> _held = new();

        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            work?.Invoke();
            _held.Enqueue(input.Retain());
            return _held.Count < chunk.Takes ? 0 : HandOut(made, prompt);
        }

        public int Flush(Span<MadeFrame> made)
        {
            Reset();
            return 0;
        }

        public void Reset()
        {
            while (_held.TryDequeue(out var held))
                held.Dispose();
        }

        public ModelState Capture() => new("tinting", "1", width, height, ReadOnlyMemory<byte>.Empty);

        public void Restore(ModelState state)
        {
        }

        public void Dispose() => Reset();

        private int HandOut(Span<MadeFrame> made, Prompt prompt)
        {
            var (u, v) = prompt.Text.Contains("orange", StringComparison.Ordinal) ? (-40, 40) : (40, -30);
            var count = _held.Count;
            for (var i = 0; i < count; i++)
            {
                using var source = _held.Dequeue();
                var output = pool.Rent(width, height);
                output.Colour = source.Colour;
                source.Y.CopyTo(output.Y);
                Shift(source.U, output.U, u);
                Shift(source.V, output.V, v);
                made[i] = MadeFrame.Of(source, output, prompt.Revision);
            }
            return count;
        }

        private static void Shift(ReadOnlySpan<byte> from, Span<byte> to, int by)
        {
            for (var i = 0; i < from.Length; i++)
                to[i] = (byte)Math.Clamp(from[i] + by, 16, 240);
        }
    }
}
