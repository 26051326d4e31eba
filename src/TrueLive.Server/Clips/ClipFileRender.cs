using System.Collections.Immutable;
using System.Globalization;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Files;

namespace TrueLive.Server.Clips;

/// <summary>
/// Tier 1: one file in, one finished file out. Finished parts are kept in a work folder beside the output, so that a killed run can be
/// resumed, with the same frames as an uninterrupted one.
/// </summary>
public sealed class ClipFileRender(ClipFileSettings settings, TimeProvider time)
{
    /// <summary>Shortest scene that gets a memory of its own.</summary>
    public static readonly TimeSpan MinScene = TimeSpan.FromSeconds(2);

    private ImmutableArray<SceneRender> _scenes = [];
    private MediaFile? _file;
    private (int Width, int Height) _size;
    private long _resumed;
    private long _began;
    private volatile string _note = "Reads the file.";

    /// <summary>Frames made in this run.</summary>
    public long FramesMade => _scenes.IsDefaultOrEmpty ? 0 : _scenes.Sum(l => l.FramesDone);

    /// <summary>The progress; any thread may read it.</summary>
    public ClipFileProgress Progress
    {
        get
        {
            var made = FramesMade;
            var done = _resumed + made;
            var expected = Expected;
            var total = Math.Max(expected, done);
            var seconds = made > 0 ? time.GetElapsedTime(_began).TotalSeconds : 0;
            var fps = seconds > 0 ? made / seconds : 0;
            var real = _file?.FrameRate > 0 ? fps / _file.FrameRate : 0;
            TimeSpan? left = fps > 0 && expected > 0 ? TimeSpan.FromSeconds(Math.Min((total - done) / fps, 1e6)) : null;
            return new ClipFileProgress(done, expected > 0 ? total : 0, fps, real, left, _note);
        }
    }

    /// <summary>
    /// Renders. When <paramref name="stop"/> fires, frames in progress are finished, the parts are joined to a playable file and the work
    /// folder stays; when <paramref name="cancel"/> fires, only what the settings keep is left. A failure leaves the parts that were
    /// finished before it.
    /// </summary>
    /// <exception cref="MediaFileException">The input cannot be read, is over a limit, or ffmpeg failed; the message is for the
    /// user.</exception>
    /// <exception cref="ModelStepException">The model failed.</exception>
    public async Task<ClipFileResult> RunAsync(CancellationToken stop, CancellationToken cancel)
    {
        var began = time.GetTimestamp();
        FileJoin.CheckOutput(settings.Output, settings.Format);
        var file = _file = (await MediaFile.OpenAsync(settings.Input, cancel).ConfigureAwait(false)).Over(settings.Backdrop);
        if (Trimmed(file) > settings.MaxLength)
            throw new MediaFileException($"{Path.GetFileName(settings.Input)} is {Trimmed(file).TotalSeconds:0} s long; at most " +
                $"{settings.MaxLength.TotalSeconds:0} s are taken. Cut it first.");
        var size = _size = ClipSize.For(settings.Model.Info.Sizes, file.Width, file.Height, settings.Size, settings.Stretch);
        var cues = settings.Recorded.IsDefaultOrEmpty ?
            ValueSchedule.Over(settings.Prompts.Resolve(settings.Model, settings.Strength, settings.Transition), settings.Values)
                : settings.Recorded;
        var notes = new List<string>(file.Notes);
        if (!settings.Stretch && PictureShape.Inside(file.Width, file.Height, size.Width, size.Height) is not null)
            notes.Add($"{settings.Model.Info.Title} does not run at the shape of this picture: it has black bars beside it.");
        if (settings.Model.Info.Chunk is { Takes: > 1 and var takes } && cues.Length > 1)
            notes.Add($"{settings.Model.Info.Title} works on {takes} frames at a time: a prompt begins with the frames that its time " +
                $"falls among, at most {takes - 1} before it.");
        var work = await OpenWorkAsync(file, size, cues, notes, cancel).ConfigureAwait(false);
        try
        {
            _resumed = work.State.Scenes.Sum(l => l.Parts.Sum(p => p.Frames));
            _note = "Renders.";
            _began = time.GetTimestamp();
            await RenderAsync(work, file, size, cues, stop, cancel).ConfigureAwait(false);
            return await JoinAsync(work, file, notes, began, cancel).ConfigureAwait(false);
        }
        catch
        {
            // The cause may be fixed and the render resumed, if there is anything to resume.
            if (!settings.KeepWork && ((cancel.IsCancellationRequested && !settings.KeepCancelled)
                || work.State.Scenes.All(l => l.Parts.Count == 0)))
                work.Delete();
            throw;
        }
    }

    private TimeSpan Trimmed(MediaFile file) => file.Duration <= TimeSpan.Zero ? TimeSpan.Zero
        : (file.Duration < settings.Trim.End ? file.Duration : settings.Trim.End) - settings.Trim.Start;

    private long Expected => _file is not { } file ? 0 : settings.Trim == (TimeSpan.Zero, TimeSpan.MaxValue) ? file.Frames
        : (long)Math.Round(Math.Max(0, Trimmed(file).TotalSeconds) * file.FrameRate);

    private async Task<ClipWork> OpenWorkAsync(MediaFile file, (int Width, int Height) size,
        ImmutableArray<(TimeSpan At, Prompt Prompt)> cues, List<string> notes, CancellationToken cancel)
    {
        var model = settings.Model.Info;
        var prompts = cues.Select(c => string.Create(CultureInfo.InvariantCulture,
            $"{c.At.Ticks} {c.Prompt.Strength} {c.Prompt.Transition.Ticks} {c.Prompt.Text}"
            + $"{(c.Prompt.Values.All.IsEmpty ? "" : $" {c.Prompt.Values}")}"));
        var fingerprint = ClipWork.Fingerprint(settings.Input, string.Create(CultureInfo.InvariantCulture,
            $"4|{model.Id}|{model.Version}|{size}|{settings.Stretch}|{settings.Backdrop}|{settings.Format}|{settings.Segments}|"
            + $"{string.Join(';', prompts)}|{string.Join(',', settings.Resets.Order())}|{settings.Trim}"));
        if (settings.Resume && (ClipWork.Find(settings.WorkPath, fingerprint)
            ?? ClipWork.TakeOver(settings.EarlierWork, settings.WorkPath, fingerprint)) is { } found)
            return found;
        var scenes = settings.Segments
            ? await ScenesAsync(file, cues, notes, cancel).ConfigureAwait(false)
            : (Origin: TimeSpan.Zero, [new SceneState()]);
        return ClipWork.Begin(settings.WorkPath, new ClipWorkState(fingerprint, scenes.Origin.Ticks, scenes.Scenes));
    }

    private async Task<(TimeSpan Origin, IReadOnlyList<SceneState> Scenes)> ScenesAsync(
        MediaFile file, ImmutableArray<(TimeSpan At, Prompt Prompt)> cues, List<string> notes, CancellationToken cancel)
    {
        if (!file.SeeksExactly || file.Restarts)
        {
            notes.Add(file.Restarts
                ? "The clip was rendered in one piece: its times begin anew in the middle, so no scene can be found exactly."
                : "The clip was rendered in one piece: in this container no scene can be found exactly. MP4, MOV, Matroska and WebM can " +
                    "be divided.");
            return (TimeSpan.Zero, [new SceneState()]);
        }
        _note = "Looks for scene cuts.";
        var cuts = await SceneCuts.FindAsync(file, cancel).ConfigureAwait(false);
        var origin = cuts[0];
        var starts = new List<TimeSpan> { origin };
        foreach (var cut in cuts.Skip(1))
        {
            // During a transition, a fresh memory would not know how far it has come.
            var moving = cues.Any(c => cut - origin >= c.At && cut - origin - SceneRender.WarmUp <= c.At + c.Prompt.Transition);
            if (!moving && cut - starts[^1] >= MinScene)
                starts.Add(cut);
        }
        notes.Add(starts.Count == 1
            ? "No scene cut was found where the clip could be divided: it was rendered in one piece."
            : $"The clip was divided at {starts.Count - 1} scene cuts; each scene's memory was warmed up on the " +
                $"{SceneRender.WarmUp.TotalSeconds:0.0} s before it, so the frames after a cut can differ slightly from an " +
                $"undivided rendering{(cues.Any(c => !Palette.Of(c.Prompt).IsEmpty) ? ", and their palette for seconds" : "")}.");
        return (origin, [.. starts.Select((start, i) => new SceneState
        {
            FromTicks = i == 0 ? null : start.Ticks,
            UntilTicks = i + 1 < starts.Count ? (starts[i + 1] - origin).Ticks : null,
        })]);
    }

    private async Task RenderAsync(ClipWork work, MediaFile file, (int Width, int Height) size,
        ImmutableArray<(TimeSpan At, Prompt Prompt)> cues, CancellationToken stop, CancellationToken cancel)
    {
        var indices = Enumerable.Range(0, work.State.Scenes.Count).Where(i => !work.State.Scenes[i].Ended).ToArray();
        var options = new ParallelOptions
        {
            MaxDegreeOfParallelism = settings.Segments ? Math.Max(1, settings.Workers) : 1,
            CancellationToken = cancel,
        };
        await Parallel.ForEachAsync(indices, options, async (index, token) =>
        {
            if (stop.IsCancellationRequested)
                return;
            var scene = new SceneRender(settings, file, work, index, size, time);
            ImmutableInterlocked.Update(ref _scenes, scenes => scenes.Add(scene));
            await scene.RunAsync(cues, stop, token).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    private async Task<ClipFileResult> JoinAsync(ClipWork work, MediaFile file, List<string> notes, long began, CancellationToken cancel)
    {
        _note = "Joins the parts.";
        await Task.Run(() => settings.BeforeStep?.Invoke(cancel), cancel).ConfigureAwait(false);
        var state = work.State;
        var complete = state.Scenes.All(l => l.Ended);
        var usable = state.Scenes.Take(state.Scenes.TakeWhile(l => l.Ended).Count() + 1).ToArray();
        var parts = usable.SelectMany(l => l.Parts).ToArray();
        if (parts.Length == 0)
            throw new OperationCanceledException("It was stopped before the first frame.");
        var frames = parts.Sum(p => p.Frames);
        var last = TimeSpan.FromTicks(usable.Last(l => l.Parts.Count > 0).LastTicks);
        var end = EndOf(file, frames, last, complete, notes);
        if (complete && settings.Recorded.IsDefaultOrEmpty && settings.Prompts.BeyondEnd(end) is { } unused)
            notes.Add(unused);
        // A cut scene ends with the last frame before the next scene's first, so parts simply follow each other.
        var missing = await FileJoin.RunAsync(
            [.. parts.Select(p => new ClipSegment(work.PathOf(p.File), TimeSpan.FromTicks(p.StartTicks)))], file,
            TimeSpan.FromTicks(state.OriginTicks) - file.Start + settings.Trim.Start, last, end, settings.Format, settings.Output, Tags,
            cancel).ConfigureAwait(false);
        if (missing is not null)
            notes.Add(missing);
        if (complete && !settings.KeepWork)
            work.Delete();
        _note = "Done.";
        var bytes = settings.Format == ClipFormat.Png
            ? new DirectoryInfo(settings.Output).EnumerateFiles().Sum(f => f.Length)
            : new FileInfo(settings.Output).Length;
        return new ClipFileResult(frames, _resumed, end, complete, time.GetElapsedTime(began), bytes, notes);
    }

    private TimeSpan EndOf(MediaFile file, long frames, TimeSpan last, bool complete, List<string> notes)
    {
        var mean = file.FrameRate > 0 ? TimeSpan.FromSeconds(1 / file.FrameRate) : frames > 1 ? last / (frames - 1)
            : TimeSpan.FromMilliseconds(40);
        var end = last + mean;
        if (!complete || file.IsPicture)
            return end;
        // The last picture is shown until the end of the film, or of the part that was asked for.
        var until = (file.Duration < settings.Trim.End ? file.Duration : settings.Trim.End) - settings.Trim.Start;
        if (until <= last)
            return end;
        if (until - last > TimeSpan.FromSeconds(2) && until - last > 3 * mean && until - last > 2 * (file.LastPicture ?? mean))
            notes.Add($"The pictures end at {end.TotalSeconds:0.0} s; the last one stays until {until.TotalSeconds:0.0} s.");
        return until;
    }

    /// <summary>The tags of the file: its tier, and how it was made.</summary>
    public IReadOnlyDictionary<string, string> Tags
    {
        get
        {
            var model = settings.Model.Info;
            var prompts = settings.Recorded.IsDefaultOrEmpty ? settings.Prompts.ToDisplay() : "from a live session's journal";
            var tags = new Dictionary<string, string>
            {
                ["comment"] = $"{TierWords.Means(Tier.Clip)} Made with TrueLive, model {model.Id} {model.Version} at " +
                    $"{_size.Width}x{_size.Height}.",
                ["truelive_tier"] = "clip",
                ["truelive_model"] = $"{model.Id} {model.Version}",
                ["truelive_prompts"] = prompts.Length <= 4000 ? prompts : prompts[..4000],
            };
            var values = string.Join("; ", settings.Values.Where(v => !v.Values.All.IsEmpty)
                .Select(v => FormattableString.Invariant($"{v.At.TotalSeconds:0.###}s {v.Values}")));
            if (settings.AiMark && AiMark.Of(model) is { } sourceType)
                tags[AiMark.Tag] = sourceType;
            if (values.Length > 0)
                tags["truelive_values"] = values.Length <= 4000 ? values : values[..4000];
            return tags;
        }
    }
}
