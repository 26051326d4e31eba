using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Tests.Shared;

/// <summary>
/// A model that holds frames: it takes chunks, or lags. A picture's luma is that of its source and of the steps that its memory has seen,
/// its
/// blue the revision of the prompt that made it. A chunk is made under the prompt of its last frame, a lagging frame under that of its own
/// step.
/// </summary>
internal sealed class HoldingModel(FramePool pool, Chunk chunk, params LookInfo[] looks) : IVideoModel
{
    public ModelInfo Info { get; } = new("holding", "1", "Holding", "Holds frames.", true, true, new ModelSizes(16, 4096, 2), looks)
    {
        Chunk = chunk,
        Parameters = [new ModelParameter("seed", "Seed", ParameterKind.Number) { Default = "1", Min = 0, Max = 9, Step = 1 }],
    };

    /// <summary>When set, each step waits for it.</summary>
    public SemaphoreSlim? Gate { get; set; }

    /// <summary>Called before each step with the frames inside.</summary>
    public Action<int>? OnStep { get; set; }

    /// <summary>When set, no session's memory can be copied.</summary>
    public Exception? CaptureFails { get; set; }

    /// <summary>Steps of all sessions.</summary>
    public long Stepped;

    public PromptReading Read(string text) => PromptReading.Empty;

    public IModelSession CreateSession(int width, int height) => new Session(this, pool, chunk, width, height);

    public void Dispose()
    {
    }

    /// <summary>Luma of a picture made from such a source after so many steps.</summary>
    public static byte Luma(byte source, int steps) => (byte)(source + 5 * steps);

    private sealed class Session(HoldingModel owner, FramePool pool, Chunk chunk, int width, int height) : IModelSession
    {
        private readonly Queue<(VideoFrame Frame, long Revision)> _held = new();
        private int _steps;

        public int Width => width;

        public int Height => height;

        public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
        {
            owner.OnStep?.Invoke(_held.Count);
            owner.Gate?.Wait();
            _held.Enqueue((input.Retain(), prompt.Revision));
            var full = chunk.Takes > 1 ? _held.Count == chunk.Takes : _held.Count > chunk.Lag;
            var count = full ? HandOut(made, chunk.Gives, chunk.Takes > 1 ? prompt.Revision : null) : 0;
            Interlocked.Increment(ref owner.Stepped);
            return count;
        }

        public int Flush(Span<MadeFrame> made) =>
            HandOut(made, Math.Min(_held.Count, made.Length), chunk.Takes > 1 ? _held.LastOrDefault().Revision : null);

        public void Reset()
        {
            _steps = 0;
            while (_held.TryDequeue(out var held))
                held.Frame.Dispose();
        }

        public ModelState Capture()
        {
            if (owner.CaptureFails is { } error)
                throw error;
            using var bytes = new MemoryStream();
            using var to = new BinaryWriter(bytes);
            to.Write(_steps);
            foreach (var (frame, revision) in _held)
            {
                var t = frame.Ticket;
                to.Write(frame.Y[0]);
                to.Write(revision);
                to.Write(t.SourceSequence);
                to.Write(t.Captured.Ticks);
                to.Write(t.MediaTime);
            }
            return new ModelState("holding", "1", width, height, bytes.ToArray());
        }

        public void Restore(ModelState state)
        {
            Reset();
            using var from = new BinaryReader(new MemoryStream(state.Bytes.ToArray()));
            _steps = from.ReadInt32();
            while (from.BaseStream.Position < from.BaseStream.Length)
            {
                var frame = pool.Rent(width, height);
                frame.Y.Fill(from.ReadByte());
                var revision = from.ReadInt64();
                frame.Ticket = new FrameTicket(from.ReadInt64(), TimeSpan.FromTicks(from.ReadInt64()), 0, from.ReadUInt32());
                _held.Enqueue((frame, revision));
            }
        }

        public void Dispose() => Reset();

        private int HandOut(Span<MadeFrame> made, int count, long? revision)
        {
            for (var i = 0; i < count; i++)
            {
                var (source, own) = _held.Dequeue();
                using (source)
                {
                    var output = pool.Rent(width, height);
                    output.Y.Fill(Luma(source.Y[0], ++_steps));
                    output.U.Fill((byte)(revision ?? own));
                    output.V.Fill(128);
                    made[i] = MadeFrame.Of(source, output, revision ?? own);
                }
            }
            while (chunk.Takes > 1 && _held.TryDequeue(out var left))
                left.Frame.Dispose();
            return count;
        }
    }
}
