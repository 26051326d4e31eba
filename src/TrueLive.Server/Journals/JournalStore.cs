using System.Collections.Concurrent;
using TrueLive.Clips;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Journals;

/// <summary>The journals on disk, and how to begin one.</summary>
internal sealed class JournalStore(ClipFolders folders, ServerOptions options, TimeProvider time)
{
    private readonly ConcurrentDictionary<string, JournalRecorder> _writing = new();

    /// <summary>The journal with this id if it belongs to this key, else null.</summary>
    public Journal? Find(string owner, string? id)
    {
        if (!ClipFolders.IsId(id))
            return null;
        var folder = Path.Combine(folders.Journals, id!);
        // Looked up before and after the disk is read: a recorder is known from before the first write until after the last.
        var recorder = _writing.GetValueOrDefault(id!);
        if (ClipFolders.OwnerOf(folder) != owner || Journal.Open(folder) is not { } journal)
            return null;
        if ((recorder ?? _writing.GetValueOrDefault(id!)) is { } known)
            return known.View.Recording ? journal : journal.With(known.View);
        return journal.View.Recording ? journal.Left() : journal;
    }

    /// <summary>Whether a live session is being recorded into it now.</summary>
    public bool IsRecording(string id) => _writing.TryGetValue(id, out var recorder) && recorder.View.Recording;

    /// <summary>Completes when everything recorded is on disk; at once for a journal that is not being written.</summary>
    public Task WrittenAsync(string id) => _writing.TryGetValue(id, out var recorder) ? recorder.Written : Task.CompletedTask;

    /// <summary>All journals of a key, newest first.</summary>
    public IReadOnlyList<JournalView> List(string owner) => !Directory.Exists(folders.Journals) ? []
        : [.. Directory.EnumerateDirectories(folders.Journals).Select(d => Find(owner, Path.GetFileName(d))).OfType<Journal>()
            .Select(j => j.View).OrderByDescending(v => v.Started)];

    /// <summary>Begins to record a session.</summary>
    /// <exception cref="RequestRefusedException">413: the key's disk is full.</exception>
    public JournalRecorder Begin(string owner, LiveSession session)
    {
        var limit = Math.Min((long)options.JournalMb << 20, folders.LeftFor(owner));
        if (limit < 1 << 20)
            throw new RequestRefusedException(StatusCodes.Status413PayloadTooLarge,
                $"Your uploads, clips and journals fill the {options.ClipDiskMb} MB that you have. Delete some, or wait until " +
                "they expire.");
        // A file can be created on a disk that has no room for its content.
        if (folders.Refuse(1 << 20) is { } full)
            throw new RequestRefusedException(full.Status, full.Words);
        var id = ClipQueue.NewId();
        var folder = Path.Combine(folders.Journals, id);
        var s = session.Settings;
        var now = time.GetUtcNow();
        var recorder = new JournalRecorder(
            folder, new JournalView(
                id, session.Id, true, now, 0, 0, 0, 0, options.JournalSeconds, limit, s.Model.Info.Id, s.Model.Info.Version,
                $"{s.Width}x{s.Height}",
                now + TimeSpan.FromHours(options.ClipKeepHours), TierWords.Name(Tier.Live), TierWords.Means(Tier.Live)), session);
        _writing[id] = recorder;
        try
        {
            ClipFolders.Own(folder, owner);
            recorder.Begin();
        }
        catch
        {
            _writing.TryRemove(id, out _);
            throw;
        }
        _ = recorder.Written.ContinueWith(_ => Forget(id, recorder), CancellationToken.None, TaskContinuationOptions.None,
            TaskScheduler.Default);
        return recorder;
    }

    /// <summary>Deletes a journal; one that is being recorded stops first.</summary>
    public void Delete(JournalView journal)
    {
        if (_writing.TryGetValue(journal.Id, out var recorder))
            recorder.End("It was deleted.");
        ClipFolders.Remove(Path.Combine(folders.Journals, journal.Id));
    }

    /// <summary>Deletes expired journals, and retries writing those that a full disk did not take.</summary>
    public void Expire()
    {
        foreach (var (id, recorder) in _writing.Where(w => w.Value.Written.IsCompleted))
        {
            recorder.Save();
            Forget(id, recorder);
        }
        if (!Directory.Exists(folders.Journals))
            return;
        foreach (var folder in Directory.EnumerateDirectories(folders.Journals))
        {
            // One that is just beginning, here or on another server, has no state on disk yet.
            if (_writing.TryGetValue(Path.GetFileName(folder), out var recorder) && !recorder.Written.IsCompleted)
                continue;
            if ((Journal.Open(folder)?.View.Expires ?? Directory.GetCreationTimeUtc(folder).AddHours(options.ClipKeepHours))
                < time.GetUtcNow())
                ClipFolders.Remove(folder);
        }
    }

    // Until it is saved, its state exists only in memory.
    private void Forget(string id, JournalRecorder recorder)
    {
        if (recorder.IsSaved)
            _writing.TryRemove(id, out _);
    }
}
