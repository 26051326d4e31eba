using System.Collections.Concurrent;
using System.Collections.Immutable;
using TrueLive.Clips;
using TrueLive.Core.Frames;
using TrueLive.Media.Files;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Interactive;

/// <summary>
/// All interactive clips of this server: opens them if there is room, and ends those that nobody has been connected to for a while.
/// </summary>
internal sealed class InteractiveRegistry : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, HostedClip> _clips = new();
    private readonly ClipUploads _uploads;
    private readonly InteractiveLoading _loading;
    private readonly SessionRegistry _sessions;
    private readonly ModelStore _models;
    private readonly LivePrecedence _live;
    private readonly ServerOptions _options;
    private readonly ApiKeyRing _ring;
    private readonly TimeProvider _time;
    private readonly Dictionary<string, int> _open = [];

    public InteractiveRegistry(ClipUploads uploads, InteractiveLoading loading, SessionRegistry sessions, ModelStore models,
        LivePrecedence live, ServerOptions options, ApiKeyRing ring, TimeProvider time)
    {
        (_uploads, _loading, _sessions, _models, _live, _options, _ring, _time) = (uploads, loading, sessions, models, live,
            options, ring, time);
        live.InteractiveBusy = () => _clips.Values.Any(s => s.Clip.Busy);
    }

    /// <summary>Interactive clips that are open.</summary>
    public int Count => _clips.Count;

    /// <summary>The clip with this id, whoever it belongs to; null when there is none.</summary>
    public HostedClip? Find(string id) => _clips.GetValueOrDefault(id);

    /// <summary>Loads a source and opens a clip on it.</summary>
    /// <exception cref="RequestRefusedException">
    /// 404 no such source, 409 nothing kept, 422 a field is wrong, 429 or 503 no room.
    /// </exception>
    public async Task<HostedClip> OpenAsync(string owner, CreateInteractiveBody body, CancellationToken cancel)
    {
        Reserve(owner);
        try
        {
            var model = _models.Find(body.Model)
                ?? throw Wrong($"There is no model '{body.Model}'. This server has: " +
                $"{string.Join(", ", _models.All.Select(m => m.Info.Id))}.");
            var upload = await SourceAsync(owner, body, cancel).ConfigureAwait(false);
            var (width, height, stretch) = SizeOf(model, upload, body.Size);
            var start = Seconds(body.Trim?.StartS ?? 0, "trim.start_s");
            var end = body.Trim?.EndS is { } given ? Seconds(given, "trim.end_s") : start + Core.Clips.InteractiveClip.MaxSource;
            var (frames, length) = await _loading.LoadAsync(upload, (width, height), stretch, start, end, cancel).ConfigureAwait(false);
            var hosted = new HostedClip(ClipQueue.NewId(), owner, upload, start, frames, length, model,
                id => _models.All.FirstOrDefault(m => m.Info.Id == id), _live.WaitForLive, _time);
            _clips[hosted.Id] = hosted;
            KeepFor(hosted);
            return hosted;
        }
        catch (Exception error)
        {
            Release(owner);
            if (error is MediaFileException wrong)
                throw Wrong(wrong.Message);
            throw;
        }
    }

    /// <summary>Starts the timer that ends a clip to which nobody is connected.</summary>
    public void KeepFor(HostedClip hosted) =>
        hosted.Keep = _time.CreateTimer(_ => _ = hosted.IsWatched ? Task.CompletedTask : EndAsync(hosted), null,
        TimeSpan.FromSeconds(_options.KeepSeconds), Timeout.InfiniteTimeSpan);

    /// <summary>Ends a clip.</summary>
    public async Task EndAsync(HostedClip hosted)
    {
        if (!_clips.TryRemove(hosted.Id, out _))
            return;
        try
        {
            await hosted.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            Release(hosted.Owner);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var hosted in _clips.Values)
            await EndAsync(hosted).ConfigureAwait(false);
    }

    private async Task<UploadView> SourceAsync(string owner, CreateInteractiveBody body, CancellationToken cancel)
    {
        if (string.IsNullOrEmpty(body.Upload) == string.IsNullOrEmpty(body.Session))
            throw Wrong("Name one source: upload or session.");
        if (!string.IsNullOrEmpty(body.Session))
            return await ReplayAsync(owner, body.Session, cancel).ConfigureAwait(false);
        var upload = _uploads.Find(owner, body.Upload)
            ?? throw new RequestRefusedException(StatusCodes.Status404NotFound, "There is no such upload. It may have expired.");
        if (upload.Frames != 1 || upload.DurationS > 0.5)
            return upload;
        var seconds = body.StillS ?? 4;
        return seconds is >= 0.5 and <= 10
            ? await _loading.HoldAsync(owner, upload, seconds, cancel).ConfigureAwait(false)
            : throw Wrong("still_s must be within 0.5..10.");
    }

    private async Task<UploadView> ReplayAsync(string owner, string session, CancellationToken cancel)
    {
        var hosted = _sessions.Find(session, owner) ?? throw new RequestRefusedException(StatusCodes.Status404NotFound,
            "There is no such live session.");
        if (!hosted.Observer.Keeps)
            throw new RequestRefusedException(StatusCodes.Status409Conflict,
                "This server keeps no pictures of live sessions. The operator turns it on with replay_seconds.");
        ImmutableArray<VideoFrame> frames = hosted.Observer.Last();
        try
        {
            return frames.Length > 0 ? await _loading.TakeAsync(owner, frames, cancel).ConfigureAwait(false)
                : throw new RequestRefusedException(StatusCodes.Status409Conflict, "No picture of the live session has come in yet.");
        }
        finally
        {
            foreach (var frame in frames)
                frame.Dispose();
        }
    }

    // A clip that is being loaded counts as well.
    private void Reserve(string owner)
    {
        // Where several keys share the server, none may take all of it.
        var most = _ring.Count > 1 ? (_options.InteractiveClips + 1) / 2 : _options.InteractiveClips;
        lock (_open)
        {
            if (_open.Values.Sum() >= _options.InteractiveClips)
                throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable,
                    $"{_options.InteractiveClips} interactive clips are open, and this server takes no more (interactive_clips). Close " +
                    "one or try again later.");
            if (_open.GetValueOrDefault(owner) >= most)
                throw new RequestRefusedException(StatusCodes.Status429TooManyRequests,
                    $"You have {most} interactive clips open; the others are for other keys. Close one.");
            _open[owner] = _open.GetValueOrDefault(owner) + 1;
        }
    }

    private void Release(string owner)
    {
        lock (_open)
        {
            if (--_open[owner] == 0)
                _open.Remove(owner);
        }
    }

    private static (int Width, int Height, bool Stretch) SizeOf(Core.Models.IVideoModel model, UploadView upload, string? asked)
    {
        var (size, stretch) = ((Width: 512, Height: Math.Max(16, (int)Math.Round(512.0 * upload.Height / upload.Width))), false);
        if (!string.IsNullOrEmpty(asked) && !ClipSize.TryParse(asked, out size, out stretch))
            throw Wrong($"size is '{asked}'. {ClipSize.Rule}");
        var fitted = stretch || string.IsNullOrEmpty(asked) ? size : PictureShape.Fit(upload.Width, upload.Height, size.Width, size.Height);
        var (width, height) = model.Info.Sizes.Nearest(fitted.Width, fitted.Height);
        return (width, height, stretch);
    }

    private static TimeSpan Seconds(double value, string name) =>
        value is >= 0 and <= 14_400 ? TimeSpan.FromSeconds(value) : throw Wrong($"{name} must be within 0..14400.");

    private static RequestRefusedException Wrong(string why) => new(StatusCodes.Status422UnprocessableEntity, why);
}
