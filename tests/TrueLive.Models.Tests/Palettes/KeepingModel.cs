using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Tests.Palettes;

/// <summary>
/// Hands out its pictures as they came in, some frames later or in chunks, and keeps them whole in its memory. A chunk is made under the
/// prompt of its last frame, a lagging frame under its own.
/// </summary>
internal sealed class KeepingModel(FramePool pool, Chunk chunk) : IVideoModel
{
    public ModelInfo Info { get; } = new("keeping", "1", "Keeping", "", true, true, new ModelSizes(16, 4096, 2), []) { Chunk = chunk };

    /// <summary>The next step fails.</summary>
    public bool Fails { get; set; }

    public PromptReading Read(string text) => PromptReading.Empty;

    public IModelSession CreateSession(int width, int height) => new Session(this, pool, chunk, width, height);

    public void Dispose()
    {
    }

    private sealed class Session(KeepingModel owner, FramePool pool, Chunk chunk, int width, int height) : IModelSession
    {
        private readonly Queue<(FrameTicket Ticket, byte[] Bytes, long Revision)> _held = new();

        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            if (owner.Fails)
                throw new ModelStepException("It failed.");
            _held.Enqueue((input.Ticket, Scene.Bytes(input), prompt.Revision));
            return chunk.Takes == 1 ? Give(made, _held.Count > chunk.Lag ? 1 : 0, null)
                : Give(made, _held.Count == chunk.Takes ? chunk.Takes : 0, prompt.Revision);
        }

        public int Flush(Span<MadeFrame> made) => Give(made, Math.Min(made.Length, _held.Count), null);

        public void Reset() => _held.Clear();

        public ModelState Capture()
        {
            using var bytes = new MemoryStream();
            using var to = new BinaryWriter(bytes);
            foreach (var (ticket, picture, revision) in _held)
            {
                to.Write(ticket.SourceSequence);
                to.Write(ticket.Captured.Ticks);
                to.Write(revision);
                to.Write(picture);
            }
            return new ModelState("keeping", "1", width, height, bytes.ToArray());
        }

        public void Restore(ModelState state)
        {
            using var shape = pool.Rent(width, height);
            var length = Scene.Bytes(shape).Length;
            if (state.Bytes.Length % (length + 24) != 0)
                throw new ArgumentException("This is no memory of it.");
            _held.Clear();
            using var from = new BinaryReader(new MemoryStream(state.Bytes.ToArray()));
            while (from.BaseStream.Position < from.BaseStream.Length)
            {
                var ticket = new FrameTicket(from.ReadInt64(), TimeSpan.FromTicks(from.ReadInt64()), 0, 0);
                var revision = from.ReadInt64();
                _held.Enqueue((ticket, from.ReadBytes(length), revision));
            }
        }

        public void Dispose()
        {
        }

        private int Give(Span<MadeFrame> made, int count, long? revision)
        {
            for (var i = 0; i < count; i++)
            {
                var (ticket, bytes, own) = _held.Dequeue();
                var frame = pool.Rent(width, height);
                frame.Colour = ColourSpace.Bt709Limited;
                frame.Ticket = ticket;
                bytes.AsSpan(0, frame.Y.Length).CopyTo(frame.Y);
                bytes.AsSpan(frame.Y.Length, frame.U.Length).CopyTo(frame.U);
                bytes.AsSpan(frame.Y.Length + frame.U.Length).CopyTo(frame.V);
                made[i] = new MadeFrame(frame, ticket with { PromptRevision = revision ?? own, Origin = FrameOrigin.Generated });
            }
            return count;
        }
    }
}
