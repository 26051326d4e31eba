using System.Collections.Immutable;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>Renders one run of frames with one memory, from where an earlier run stopped; decode, step and encode overlap.</summary>
internal sealed class SceneRender(
    ClipFileSettings settings, MediaFile file, ClipWork work, int index, (int Width, int Height) size, TimeProvider time)
{
    /// <summary>Length of the clip before a scene's first frame that only warms up its memory.</summary>
    public static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);

    private readonly FramePool _pool = new("clip source", 2 * ClipRender.QueueFrames);
    private ClipRender? _render;

    /// <summary>Frames made in this run.</summary>
    public long FramesDone => _render?.FramesDone ?? 0;

    /// <summary>Renders until the scene ends or <paramref name="stop"/> fires; frames in progress are then finished.</summary>
    /// <exception cref="MediaFileException">Source or encoder failed.</exception>
    public async Task RunAsync(ImmutableArray<(TimeSpan At, Prompt Prompt)> cues, CancellationToken stop, CancellationToken cancel)
    {
        var scene = work.State.Scenes[index];
        if (scene.Ended)
            return;
        var origin = TimeSpan.FromTicks(work.State.OriginTicks);
        var from = scene.FromTicks is { } ticks ? TimeSpan.FromTicks(ticks) : (TimeSpan?)null;
        var stretch = from is { } at ? new FileStretch(at - WarmUp < origin ? origin : at - WarmUp, origin) : null;
        await using var decoder = stretch is null
            ? await FileSource.OpenAtAsync(file, size.Width, size.Height, _pool, settings.Trim.Start, background: true, settings.MaxLength,
                DecoderThreads, cancel, !settings.Stretch).ConfigureAwait(false)
            : FileSource.Open(file, size.Width, size.Height, _pool, stretch, background: true, settings.MaxLength, DecoderThreads,
                !settings.Stretch);
        // The decoder starts in the meantime.
        using var session = settings.Model.CreateSession(size.Width, size.Height);
        if (scene.Memory is { } memory)
            session.Restore(new ModelState(settings.Model.Info.Id, settings.Model.Info.Version, size.Width, size.Height,
                await File.ReadAllBytesAsync(work.PathOf(memory), cancel).ConfigureAwait(false)));
        var source = new Part(decoder, this, scene.Next,
            scene.UntilTicks is { } until ? TimeSpan.FromTicks(until) : TimeSpan.MaxValue, stop);
        await using var sink = new ClipPartSink(work, index, settings, size.Width, size.Height)
        { From = from is null ? TimeSpan.Zero : from.Value - origin };
        var since = time.GetTimestamp();
        _render = new ClipRender(session, from is null ? cues : PromptSchedule.BegunAt(cues, from.Value - origin - WarmUp), time)
        {
            BeforeStep = settings.BeforeStep,
            ForgetsBefore = settings.Resets.Contains,
            FlushesAtEnd = () => !source.Stopped,
            BetweenSteps = (taken, made) =>
            {
                if (taken == 0 || time.GetElapsedTime(since) < settings.Part)
                    return;
                sink.Mark(made, scene.Next + taken, session.Capture());
                since = time.GetTimestamp();
            },
        };
        await _render.RunAsync(source, sink, long.MaxValue, cancel).ConfigureAwait(false);
        await sink.FinishAsync(scene.Next + _render.FramesTaken, session.Capture(), ended: !source.Stopped, cancel).ConfigureAwait(false);
    }

    /// <summary>
    /// The frames of the decoder that belong to the scene, numbered from its first; those before <paramref name="next"/> are skipped as
    /// done.
    /// </summary>
    private sealed class Part(FileSource decoder, SceneRender scene, long next, TimeSpan until, CancellationToken stop) : IVideoSource
    {
        private bool _originKnown;
        private long _number;

        public bool Stopped { get; private set; }

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            if (stop.IsCancellationRequested)
            {
                Stopped = true;
                return null;
            }
            while (await decoder.ReadAsync(cancel).ConfigureAwait(false) is { } frame)
            {
                if (!_originKnown && scene.OwnsOrigin && decoder.Origin is { } origin)
                    scene.Work.SetOrigin(origin);
                _originKnown = true;
                var at = frame.Ticket.Captured - scene.Trim.Start;
                var (before, after) = (at < TimeSpan.Zero, frame.Ticket.Captured >= until || frame.Ticket.Captured >= scene.Trim.End);
                if (!before && !after && _number++ >= next)
                {
                    if (at <= scene.MaxLength && _number <= scene.MaxFrames)
                    {
                        frame.Ticket = frame.Ticket with { Captured = at, SourceSequence = _number - 1 };
                        return frame;
                    }
                    frame.Dispose();
                    throw new MediaFileException(at > scene.MaxLength
                        ? $"The video is longer than the {scene.MaxLength.TotalSeconds:0} s that are taken. Cut it first."
                        : $"The video has more than the {scene.MaxFrames} frames that are taken. Cut it, or lower its frame rate first.");
                }
                frame.Dispose();
                if (after)
                    return null;
            }
            return null;
        }
    }

    private ClipWork Work => work;

    // A second thread costs an eighth more processor time, which the model can use better; beyond full HD one thread could be slower than a
    // step.
    private int DecoderThreads => file.Width * file.Height <= 1920 * 1088 ? 1 : 0;

    private bool OwnsOrigin => index == 0 && work.State.Scenes[0].FromTicks is null;

    private (TimeSpan Start, TimeSpan End) Trim => settings.Trim;

    private TimeSpan MaxLength => settings.MaxLength;

    private long MaxFrames => settings.MaxFrames;
}
