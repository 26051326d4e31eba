using System.Collections.Concurrent;
using System.Text.Json;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Recordings;

/// <summary>
/// The recordings on disk: a folder each, with its owner. The disk is the only record of those that do not run. A folder that cannot be
/// read or deleted is left out, and stops nothing for the others. Thread-safe.
/// </summary>
internal sealed partial class RecordingStore(ServerOptions options, TimeProvider time, ILogger<RecordingStore> logger)
{
    /// <summary>Recordings of one key.</summary>
    public const int MaxOfKey = 500;

    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(2);

    // One that is written grows with each key frame.
    private static readonly TimeSpan Growing = TimeSpan.FromSeconds(20);

    private readonly string _root = Path.Combine(options.DataPath, "recordings");
    private readonly DataDisk _disk = new(Path.Combine(options.DataPath, "recordings"));

    // Those that run, and those whose end is not on the disk yet.
    private readonly ConcurrentDictionary<string, Recording> _known = new();

    // Folders that the log has told of.
    private readonly ConcurrentDictionary<string, bool> _told = new();

    /// <summary>What has run out on the disk, in words; null for nothing.</summary>
    public string? Lacking => _disk.Look()?.Words;

    /// <summary>When a recording that has ended is deleted.</summary>
    public DateTimeOffset ExpiryOf(Recording recording) =>
        (recording.State.Ended ?? time.GetUtcNow()) + TimeSpan.FromHours(options.RecordingKeepHours);

    /// <summary>Begins one of a session.</summary>
    /// <exception cref="RequestRefusedException">The operator allows none (404), or the disk has no room (507).</exception>
    public Recording Begin(string owner, LiveSession session, string? sourceType)
    {
        if (options.RecordingDiskMb == 0)
            throw new RequestRefusedException(
                StatusCodes.Status404NotFound, "This server records no sessions (setting recording_disk_mb).");
        if (_disk.Refuse(1 << 20) is { } full)
            throw new RequestRefusedException(full.Status, full.Words);
        var id = Guid.NewGuid().ToString("n");
        var folder = Path.Combine(_root, id);
        var now = session.Settings;
        var recording = _known[id] = new Recording(folder, new RecordingState(
            id, session.Id, time.GetUtcNow(), now.Model.Info.Id, $"{now.Width}x{now.Height}", sourceType));
        try
        {
            ClipFolders.Own(folder, owner);
            recording.Save();
            return recording;
        }
        catch
        {
            _known.TryRemove(id, out _);
            ClipFolders.Remove(folder);
            throw;
        }
    }

    /// <summary>Whether this process writes it.</summary>
    public bool IsRunning(Recording recording) => _known.TryGetValue(recording.State.Id, out var known) && known.State.Ended is null;

    /// <summary>Writes down when and why it ended.</summary>
    public void End(Recording recording, string because) =>
        Keep(_known[recording.State.Id] = recording.Over(time.GetUtcNow(), because));

    /// <summary>The recording with this id if it belongs to this key, else null.</summary>
    public Recording? Find(string owner, string? id) =>
        OwnerOf(id) == owner ? Try(Path.Combine(_root, id!), Open) : null;

    /// <summary>Whose it is; null when there is none.</summary>
    public string? OwnerOf(string? id) => ClipFolders.IsId(id) ? Try(Path.Combine(_root, id!), ClipFolders.OwnerOf) : null;

    /// <summary>All recordings of a key, newest first.</summary>
    public IReadOnlyList<Recording> List(string owner) => [.. All().Where(r => r.Owner == owner).Select(r => r.Recording)];

    /// <summary>Deletes one that does not run.</summary>
    /// <exception cref="RequestRefusedException">Another process that shares the folder seems to write it (409).</exception>
    public void Delete(Recording recording)
    {
        if (recording.WasLeft && recording.State.Ended + Growing >= time.GetUtcNow())
            throw new RequestRefusedException(StatusCodes.Status409Conflict,
                "Another server with the same data folder may be writing this recording. Stop it there. If none is, try again in " +
                $"{Growing.TotalSeconds:0} seconds.");
        ClipFolders.Remove(recording.Folder);
        _known.TryRemove(recording.State.Id, out _);
    }

    /// <summary>
    /// Deletes what is too old, and the oldest of each key beyond the disk that it may fill. Returns the running ones of keys that are
    /// beyond it all the same.
    /// </summary>
    public IReadOnlyList<Recording> Expire()
    {
        foreach (var unsaved in _known.Values.Where(r => r.State.Ended is not null))
            Keep(unsaved);
        var beyond = new List<Recording>();
        foreach (var owned in All().GroupBy(r => r.Owner))
        {
            var left = (long)options.RecordingDiskMb << 20;
            // The newest first: what no longer fits is older than what does. Those that run cannot be deleted, and count first; one that
            // has just filled the disk by itself stays until there is another.
            foreach (var (place, recording) in owned.Select(r => r.Recording).OrderBy(r => r.State.Ended is not null).Index())
            {
                left -= Try(recording.Folder, ClipFolders.BytesIn);
                if (recording.State.Ended is null)
                {
                    if (left < 0)
                        beyond.Add(recording);
                }
                else if ((left < 0 && place > 0) || place >= MaxOfKey || ExpiryOf(recording) < time.GetUtcNow())
                    Try(recording.Folder, _ => Discard(recording));
            }
        }
        foreach (var folder in Folders())
            Try(folder, DiscardDamaged);
        foreach (var gone in _told.Keys.Where(f => !Directory.Exists(f)))
            _told.TryRemove(gone, out _);
        return beyond;
    }

    // Another process that shares the folder may be writing it still.
    private bool Discard(Recording recording)
    {
        if (recording.WasLeft && recording.State.Ended + Quiet >= time.GetUtcNow())
            return false;
        Delete(recording);
        return true;
    }

    // One that may only not be read stays, for it may be anybody's.
    private bool DiscardDamaged(string folder)
    {
        if (Open(folder) is not null
            || Directory.GetLastWriteTimeUtc(folder) + TimeSpan.FromHours(options.RecordingKeepHours) >= time.GetUtcNow())
            return false;
        ClipFolders.Remove(folder);
        return true;
    }

    // On a full disk it is kept in memory until there is room.
    private void Keep(Recording ended)
    {
        try
        {
            ended.Save();
        }
        catch (Exception error) when (error is UnauthorizedAccessException or IOException and not DirectoryNotFoundException)
        {
            return;
        }
        catch (DirectoryNotFoundException)
        {
            // It was deleted while it ran.
        }
        _known.TryRemove(ended.State.Id, out _);
    }

    // Whatever else lies there is none of ours.
    private IEnumerable<string> Folders() => !Directory.Exists(_root) ? []
        : Directory.EnumerateDirectories(_root).Where(d => ClipFolders.IsId(Path.GetFileName(d)));

    private List<(string Owner, Recording Recording)> All() =>
        [.. Folders().Select(f => Try(f, f => (ClipFolders.OwnerOf(f) ?? "", Open(f)))).Where(r => r.Item2 is not null)
            .OrderByDescending(r => r.Item2!.State.Started).Select(r => (r.Item1, r.Item2!))];

    // Null where the description is missing or damaged.
    private Recording? Open(string folder)
    {
        try
        {
            return _known.TryGetValue(Path.GetFileName(folder), out var known) ? known
                : Recording.Open(folder) is not { } found ? null : found.State.Ended is null ? found.Left() : found;
        }
        catch (JsonException damaged)
        {
            Tell(folder, damaged);
            return null;
        }
    }

    private T? Try<T>(string folder, Func<string, T> act)
    {
        try
        {
            return act(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Tell(folder, error);
            return default;
        }
    }

    private void Tell(string folder, Exception error)
    {
        if (_told.TryAdd(folder, true))
            LogLeftOut(logger, Path.GetFileName(folder), error.Message);
    }

    [LoggerMessage(
        EventId = 2108, EventName = "recording_left_out", Level = LogLevel.Warning,
        Message = "Recording {Recording} is left out, since its folder cannot be read or deleted: {Why}")]
    private static partial void LogLeftOut(ILogger logger, string recording, string why);
}
