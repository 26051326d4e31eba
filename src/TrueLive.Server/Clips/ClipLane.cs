using System.Collections.Immutable;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>Works through one run of frames with one memory: decode, step and encode side by side, from where an earlier run stopped.</summary>
internal sealed class ClipLane(ClipFileSettings settings, MediaFile file, ClipWork work, int index, (int Width, int Height) size, TimeProvider time) : IDisposable
{
    /// <summary>Clip time before a lane's first frame that only warms its memory up.</summary>
    public static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);

    private readonly FramePool _pool = new("clip source", 2 * ClipRender.QueueFrames);
    private readonly IModelSession _session = settings.Model.CreateSession(size.Width, size.Height);
    private ClipRender? _render;

    /// <summary>Frames made in this run.</summary>
    public long FramesDone => _render?.FramesDone ?? 0;

    /// <summary>Renders until the lane ends, or until <paramref name="stop"/> and then only what is on its way.</summary>
    /// <exception cref="MediaFileException">Source or encoder failed.</exception>
    public async Task RunAsync(ImmutableArray<(TimeSpan At, Prompt Prompt)> cues, CancellationToken stop, CancellationToken cancel)
    {
        var lane = work.State.Lanes[index];
        if (lane.Ended)
            return;
        var origin = TimeSpan.FromTicks(work.State.OriginTicks);
        var from = lane.FromTicks is { } ticks ? TimeSpan.FromTicks(ticks) : (TimeSpan?)null;
        if (lane.Memory is { } memory)
            _session.Restore(new ModelState(settings.Model.Info.Id, settings.Model.Info.Version, size.Width, size.Height, await File.ReadAllBytesAsync(work.PathOf(memory), cancel).ConfigureAwait(false)));
        var stretch = from is { } at ? new FileStretch(at - WarmUp < origin ? origin : at - WarmUp, origin) : null;
        await using var decoder = FileSource.Open(file, size.Width, size.Height, _pool, stretch, background: true);
        var source = new Part(decoder, this, lane.UntilTicks is { } until ? TimeSpan.FromTicks(until) : TimeSpan.MaxValue, stop);
        for (long n = 0; n < lane.Next && await decoder.ReadAsync(cancel).ConfigureAwait(false) is { } done; n++)
            done.Dispose();
        await using var sink = new ClipPartSink(work, index, settings, size.Width, size.Height) { From = from is null ? TimeSpan.Zero : from.Value - origin };
        var (next, since) = (lane.Next, time.GetTimestamp());
        _render = new ClipRender(_session, from is null ? cues : PromptSchedule.BegunAt(cues, from.Value - origin - WarmUp), time)
        {
            BeforeStep = token =>
            {
                settings.BeforeStep?.Invoke(token);
                if (next > lane.Next && time.GetElapsedTime(since) >= settings.Part)
                {
                    sink.Mark(next, _session.Capture());
                    since = time.GetTimestamp();
                }
                if (settings.Resets.Contains(next))
                    _session.Reset();
                next++;
            },
        };
        await _render.RunAsync(source, sink, long.MaxValue, cancel).ConfigureAwait(false);
        await sink.FinishAsync(_session.Capture(), ended: !source.Stopped, cancel).ConfigureAwait(false);
    }

    public void Dispose() => _session.Dispose();

    /// <summary>The lane's own frames of the decoder.</summary>
    private sealed class Part(FileSource decoder, ClipLane lane, TimeSpan until, CancellationToken stop) : IVideoSource
    {
        private bool _originKnown;

        public bool Stopped { get; private set; }

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            if (stop.IsCancellationRequested)
            {
                Stopped = true;
                return null;
            }
            var frame = await decoder.ReadAsync(cancel).ConfigureAwait(false);
            while (frame?.Time.Captured < lane.Trim.Start)
            {
                frame.Dispose();
                frame = await decoder.ReadAsync(cancel).ConfigureAwait(false);
            }
            if (frame is null)
                return null;
            if (!_originKnown && lane.OwnsOrigin && decoder.FirstFrame is { } first)
                lane.SetOrigin(first);
            _originKnown = true;
            if (frame.Time.Captured > lane.MaxLength)
            {
                frame.Dispose();
                throw new MediaFileException($"The video is longer than the {lane.MaxLength.TotalSeconds:0} s that are taken. Cut it first.");
            }
            if (frame.Time.Captured < until && frame.Time.Captured < lane.Trim.End)
            {
                frame.Time = frame.Time with { Captured = frame.Time.Captured - lane.Trim.Start };
                return frame;
            }
            frame.Dispose();
            return null;
        }
    }

    private bool OwnsOrigin => index == 0 && work.State.Lanes[0].FromTicks is null;

    private (TimeSpan Start, TimeSpan End) Trim => settings.Trim;

    private TimeSpan MaxLength => settings.MaxLength;

    // Without a seek ffmpeg counts from the start of the container, not from zero.
    private void SetOrigin(TimeSpan first) => work.SetOrigin(first + file.Start);
}
