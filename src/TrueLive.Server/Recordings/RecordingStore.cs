using System.Collections.Concurrent;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Recordings;

/// <summary>
/// The recordings on disk: a folder each, with its owner. The disk is the only record of those that do not run. Thread-safe.
/// </summary>
internal sealed class RecordingStore(ServerOptions options, TimeProvider time)
{
    /// <summary>Recordings of one key.</summary>
    public const int MaxOfKey = 500;

    private static readonly TimeSpan Quiet = TimeSpan.FromMinutes(2);

    private readonly string _root = Path.Combine(options.DataPath, "recordings");
    private readonly DataDisk _disk = new(Path.Combine(options.DataPath, "recordings"));

    // Those that run, and those whose end is not on the disk yet.
    private readonly ConcurrentDictionary<string, Recording> _known = new();

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
        ClipFolders.IsId(id) && ClipFolders.OwnerOf(Path.Combine(_root, id!)) == owner ? Open(id!) : null;

    /// <summary>Whose it is; null when there is none.</summary>
    public string? OwnerOf(string? id) => ClipFolders.IsId(id) ? ClipFolders.OwnerOf(Path.Combine(_root, id!)) : null;

    /// <summary>All recordings of a key, newest first.</summary>
    public IReadOnlyList<Recording> List(string owner) => [.. All().Where(r => r.Owner == owner).Select(r => r.Recording)];

    /// <summary>Deletes one that does not run.</summary>
    public void Delete(Recording recording)
    {
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
                left -= ClipFolders.BytesIn(recording.Folder);
                if (recording.State.Ended is null)
                {
                    if (left < 0)
                        beyond.Add(recording);
                }
                else if ((left < 0 && place > 0) || place >= MaxOfKey || ExpiryOf(recording) < time.GetUtcNow())
                    Discard(recording);
            }
        }
        foreach (var folder in Folders().Where(f => Open(Path.GetFileName(f)) is null
            && Directory.GetLastWriteTimeUtc(f) + TimeSpan.FromHours(options.RecordingKeepHours) < time.GetUtcNow()))
            ClipFolders.Remove(folder);
        return beyond;
    }

    // Another process that shares the folder may be writing it still.
    private void Discard(Recording recording)
    {
        if (!recording.WasLeft || recording.State.Ended + Quiet < time.GetUtcNow())
            Delete(recording);
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
        [.. Folders().Select(d => (ClipFolders.OwnerOf(d) ?? "", Open(Path.GetFileName(d))))
            .Where(r => r.Item2 is not null).OrderByDescending(r => r.Item2!.State.Started).Select(r => (r.Item1, r.Item2!))];

    private Recording? Open(string id) => _known.TryGetValue(id, out var known) ? known
        : Recording.Open(Path.Combine(_root, id)) is not { } found ? null : found.State.Ended is null ? found.Left() : found;
}
