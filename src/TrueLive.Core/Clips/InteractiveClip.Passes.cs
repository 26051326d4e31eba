using System.Collections.Immutable;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <content>The passes over the source: the preview, every fourth frame or chunk, and all frames.</content>
public sealed partial class InteractiveClip
{
    private void RenderCoarse(Pass pass, ModelState? memory, int start, int takes, ClipRevision revision, long since)
    {
        try
        {
            var helped = false;
            pass.Resume(memory);
            for (var chunk = start; chunk < revision.Range.End && !Overtaken; chunk += CoarseStep * takes)
            {
                if (chunk + takes <= Volatile.Read(ref _fullUntil))
                    continue;
                helped = true;
                for (var i = chunk; i < Math.Min(chunk + takes, revision.Range.End) && !Overtaken; i++)
                    pass.Take(i);
            }
            if (!Overtaken)
                pass.Flush();
            // Where the full pass was ahead everywhere, the clip can be played when that one says so.
            if (helped && !Overtaken)
                Publish(revision, r => r with { ToPlayable = _time.GetElapsedTime(since) });
        }
        catch (OperationCanceledException) when (pass.Cancel.IsCancellationRequested)
        {
        }
        catch (Exception)
        {
            _failed = true;
            throw;
        }
    }

    private void RenderFull(IModelSession session, ModelState? memory, int start, bool holds, Rendering rendering, ClipRevision revision)
    {
        var (first, end) = revision.Range;
        var pass = new Pass(this, session, RevisionPass.Full, revision, rendering.Cues, holds, _stop.Token) { Into = rendering };
        pass.Resume(memory);
        var apart = CheckpointFrames;
        for (var i = start; i < end && !Overtaken; i++)
        {
            if ((i - first) % apart == 0)
            {
                var saved = session.Capture();
                rendering.Checkpoints[i] = (saved, rendering.Frames.Count);
                apart = CheckpointFrames * (int)Math.Max(1, saved.Bytes.Length * 4L * (end - first) / CheckpointFrames
                    / RenderedRevisions.MaxCheckpointBytes);
            }
            pass.Take(i);
            if ((i - first) % CheckpointFrames == CheckpointFrames - 1)
                Publish(revision, r => r with { FullFrames = rendering.Frames.Count });
        }
        if (!Overtaken)
            pass.Flush();
    }

    private void Emit(in MadeFrame made, RevisionPass pass, ClipRevision revision, Rendering? into)
    {
        var index = (int)made.Ticket.SourceSequence;
        lock (_emitting)
        {
            // The full pass may have reached this frame meanwhile: its frame stays.
            if (pass == RevisionPass.Coarse && index < _fullUntil)
                return;
            if (into is not null && index != into.First + into.Frames.Count)
                throw new ModelStepException($"The model handed out frame {index} where frame {into.First + into.Frames.Count} was due.");
            var encoded = _encode(made.Frame);
            Give(new RevisionFrame(revision.Number, pass, index, _source[index].Ticket.Captured, encoded));
            if (into is null)
                return;
            into.Frames.Add(encoded);
            _fullUntil = index + 1;
        }
    }

    /// <summary>One pass over the source with its own memory; everything the model hands out, now or later, goes to the client.</summary>
    private sealed class Pass(
        InteractiveClip clip, IModelSession session, RevisionPass pass, ClipRevision revision,
        ImmutableArray<(TimeSpan At, Prompt Prompt)> cues, bool holds, CancellationToken cancel)
    {
        private readonly MadeFrame[] _made = new MadeFrame[Chunk.MaxFrames];

        public CancellationToken Cancel => cancel;

        /// <summary>The only frame that is wanted; null for all.</summary>
        public int? Only { get; init; }

        /// <summary>Where all frames are kept, in order; null keeps none.</summary>
        public Rendering? Into { get; init; }

        public void Resume(ModelState? memory)
        {
            if (memory is null)
                session.Reset();
            else
                session.Restore(memory);
        }

        public void Take(int index)
        {
            var input = clip._source[index];
            clip.BeforeStep?.Invoke(pass, cancel);
            var at = input.Ticket.Captured - clip._source[0].Ticket.Captured;
            Emit(session.Step(input, PromptSchedule.PromptAt(cues, at), _made));
        }

        public void Flush()
        {
            while (holds)
            {
                clip.BeforeStep?.Invoke(pass, cancel);
                if (session.Flush(_made) is not (> 0 and var count))
                    return;
                Emit(count);
            }
        }

        private void Emit(int count)
        {
            var done = 0;
            try
            {
                for (; done < count; done++)
                {
                    using var frame = _made[done].Frame;
                    if (Only is null || Only == _made[done].Ticket.SourceSequence)
                        clip.Emit(_made[done], pass, revision, Into);
                }
            }
            finally
            {
                for (done++; done < count; done++)
                    _made[done].Frame.Dispose();
            }
        }
    }
}
