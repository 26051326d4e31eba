using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Sessions;

namespace TrueLive.Server.Journals;

/// <summary>The journals on disk, and how to begin one.</summary>
internal sealed class JournalShelf(ClipFolders folders, ServerOptions options, TimeProvider time)
{
    /// <summary>The journal with this id if it belongs to this key, else null.</summary>
    public Journal? Find(string owner, string? id)
    {
        if (!ClipFolders.IsId(id))
            return null;
        var folder = Path.Combine(folders.Journals, id!);
        return ClipFolders.OwnerOf(folder) == owner ? Journal.Open(folder) : null;
    }

    /// <summary>All journals of a key, newest first.</summary>
    public IReadOnlyList<JournalView> List(string owner) => !Directory.Exists(folders.Journals) ? []
        : [.. Directory.EnumerateDirectories(folders.Journals).Select(d => Find(owner, Path.GetFileName(d))).OfType<Journal>().Select(j => j.View).OrderByDescending(v => v.Started)];

    /// <summary>Begins to record a session.</summary>
    /// <exception cref="RequestRefusedException">413: the key's disk is full.</exception>
    public JournalRecorder Begin(string owner, SessionSeat seat)
    {
        var limit = Math.Min((long)options.JournalMb << 20, folders.LeftFor(owner));
        if (limit < 1 << 20)
            throw new RequestRefusedException(StatusCodes.Status413PayloadTooLarge, $"Your uploads, clips and journals fill the {options.ClipDiskMb} MB that you have. Delete some, or wait until they expire.");
        var id = ClipFolders.NewId();
        var folder = Path.Combine(folders.Journals, id);
        ClipFolders.Own(folder, owner);
        var s = seat.Session.Settings;
        var now = time.GetUtcNow();
        return new JournalRecorder(
            folder, new JournalView(
                id, seat.Session.Id, true, now, 0, 0, 0, 0, options.JournalSeconds, limit, null, s.Model.Info.Id, s.Model.Info.Version, $"{s.Width}x{s.Height}",
                now + TimeSpan.FromHours(options.ClipKeepHours)), seat.Session);
    }

    /// <summary>Deletes a journal; one that is being recorded stops first.</summary>
    public void Delete(JournalView journal, SessionRegistry sessions)
    {
        sessions.Find(journal.Session)?.Tap.Stop(journal.Id, "It was deleted.");
        ClipFolders.Remove(Path.Combine(folders.Journals, journal.Id));
    }

    /// <summary>Deletes what is past its time.</summary>
    public void Expire()
    {
        if (!Directory.Exists(folders.Journals))
            return;
        foreach (var folder in Directory.EnumerateDirectories(folders.Journals))
        {
            if ((Journal.Open(folder)?.View.Expires ?? DateTimeOffset.MinValue) < time.GetUtcNow())
                ClipFolders.Remove(folder);
        }
    }
}
