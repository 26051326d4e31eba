using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Recordings;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Recordings;

/// <summary>What is kept of recordings, and for how long.</summary>
public sealed class RecordingStoreTests : IDisposable
{
    private const int Megabyte = 1_000_000;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly ServerOptions _options;
    private readonly Told _log = new();
    private readonly RecordingStore _store;
    private readonly LiveSession _session;

    public RecordingStoreTests()
    {
        _options = new ServerOptions
        {
            DataFolder = Directory.CreateTempSubdirectory("truelive-recordings-").FullName,
            RecordingDiskMb = 3,
            RecordingKeepHours = 2,
        };
        _store = StoreOf();
        var settings = new SessionSettings(new PassthroughModel(), 320, 176, Prompt.None, 0, 0, Paused: false);
        _session = new LiveSession("session", settings, new LiveSessionOptions(), _time);
    }

    [Fact]
    public void The_oldest_go_first_when_a_key_fills_its_disk_and_those_of_others_stay()
    {
        var others = Ended("bob", Megabyte);
        var all = Enumerable.Range(0, 4).Select(_ => Ended("ann", Megabyte)).ToArray();
        Assert.Empty(_store.Expire());
        Assert.Equal([all[3], all[2], all[1]], Ids("ann"));
        Assert.Equal([others], Ids("bob"));
    }

    [Fact]
    public void What_is_too_old_goes_and_what_runs_does_not()
    {
        var running = _store.Begin("ann", _session, null);
        Ended("ann", Megabyte);
        _time.Advance(TimeSpan.FromHours(2.1));
        var young = Ended("ann", Megabyte);
        Assert.Empty(_store.Expire());
        Assert.Equal([young, running.State.Id], Ids("ann"));
    }

    [Fact]
    public void One_that_fills_the_disk_by_itself_is_to_end_and_is_kept_until_there_is_another()
    {
        Ended("ann", Megabyte);
        var running = _store.Begin("ann", _session, null);
        Fill(running, 4 * Megabyte);
        Assert.Equal([running], _store.Expire());
        _store.End(running, "full");
        Assert.Empty(_store.Expire());
        Assert.Equal([running.State.Id], Ids("ann"));
        var next = Ended("ann", Megabyte);
        _store.Expire();
        Assert.Equal([next], Ids("ann"));
    }

    [Fact]
    public void One_that_a_killed_server_left_is_listed_as_over_with_its_parts_in_order()
    {
        var left = _store.Begin("ann", _session, null);
        foreach (var part in new[] { "recording-10.mp4", "recording.mp4", "recording-2.mp4", "recording-0.mp4", "other.mp4" })
            File.WriteAllText(Path.Combine(left.Folder, part), part);
        File.WriteAllText(Path.Combine(_options.DataFolder, "outside.mp4"), "");
        var after = Assert.Single(StoreOf().List("ann"));
        Assert.Equal("The server stopped while it was recorded.", after.State.EndedBecause);
        Assert.Equal(["recording.mp4", "recording-2.mp4", "recording-10.mp4"], after.Parts.Select(p => p.Name));
        Assert.All(["../../outside.mp4", "other.mp4", "recording-0.mp4", "recording.json", "owner", "recording-99999.mp4"],
            name => Assert.Null(after.Part(name)));
        Assert.NotNull(after.Part("recording-2.mp4"));
    }

    [Fact]
    public void A_damaged_one_and_one_of_another_key_are_not_there()
    {
        var damaged = Ended("ann", 1);
        var bobs = Ended("bob", 1);
        File.WriteAllText(Path.Combine(_store.Find("ann", damaged)!.Folder, "recording.json"), "{\"Id\":null}");
        Assert.Empty(_store.List("ann"));
        Assert.Null(_store.Find("ann", bobs));
        Assert.All(["", "..", "../recordings/" + bobs, bobs.ToUpperInvariant()], id => Assert.Null(_store.Find("bob", id)));
        var folders = Path.Combine(_options.DataFolder, "recordings");
        Directory.CreateDirectory(Path.Combine(folders, "lost+found"));
        _store.Expire();
        Assert.True(Directory.Exists(Path.Combine(folders, damaged)));
        _time.Advance(TimeSpan.FromHours(3));
        _store.Expire();
        Assert.Equal([Path.Combine(folders, "lost+found")], Directory.GetDirectories(folders));
    }

    [Fact]
    public void One_that_another_server_writes_cannot_be_deleted_until_it_has_not_grown_for_a_while()
    {
        var running = _store.Begin("ann", _session, null);
        Fill(running, 1);
        File.SetLastWriteTimeUtc(running.Video, _time.GetUtcNow().UtcDateTime);
        var (other, id) = (StoreOf(), running.State.Id);
        _time.Advance(TimeSpan.FromSeconds(19));
        Assert.Equal(409, Assert.Throws<RequestRefusedException>(() => other.Delete(other.Find("ann", id)!)).Status);
        Assert.Equal([id], Ids("ann"));
        _time.Advance(TimeSpan.FromSeconds(2));
        other.Delete(other.Find("ann", id)!);
        Assert.False(Directory.Exists(running.Folder));
    }

    [Fact]
    public void A_folder_that_cannot_be_read_is_told_of_once_and_stops_nothing_for_the_others()
    {
        var (unowned, undescribed, damaged) = (Ended("ann", 1), Ended("ann", 1), Ended("ann", 1));
        var old = Ended("ann", 1);
        var root = Path.Combine(_options.DataFolder, "recordings");
        // Reading a folder as a file is refused to everybody, root included.
        InPlaceOf(Path.Combine(root, unowned, "owner"));
        InPlaceOf(Path.Combine(root, undescribed, "recording.json"));
        File.WriteAllText(Path.Combine(root, damaged, "recording.json"), "{");
        var file = Guid.NewGuid().ToString("n");
        File.WriteAllText(Path.Combine(root, file), "");
        _time.Advance(TimeSpan.FromHours(1.9));
        var kept = Ended("ann", 1);
        Assert.Equal([kept, old], Ids("ann"));
        Assert.All([unowned, undescribed, damaged, file], id => Assert.Null(_store.Find("ann", id)));
        _time.Advance(TimeSpan.FromHours(1));
        Assert.Empty(_store.Expire());
        Assert.Equal([kept], Ids("ann"));
        Assert.Equal(3, _log.Lines.Count);
        Assert.All([unowned, undescribed, damaged], id => Assert.Single(_log.Lines, l => l.Contains(id, StringComparison.Ordinal)));

        static void InPlaceOf(string file)
        {
            File.Delete(file);
            Directory.CreateDirectory(file);
        }
    }

    [Fact]
    public void An_end_that_the_disk_does_not_take_is_known_all_the_same_and_written_when_it_does()
    {
        var recording = _store.Begin("ann", _session, null);
        // A folder in the place of the description cannot be replaced by a file.
        var description = Path.Combine(recording.Folder, "recording.json");
        File.Delete(description);
        Directory.CreateDirectory(Path.Combine(description, "full"));
        _store.End(recording, "The disk is full.");
        Assert.Equal("The disk is full.", _store.Find("ann", recording.State.Id)!.State.EndedBecause);
        Directory.Delete(description, recursive: true);
        _store.Expire();
        Assert.Equal("The disk is full.", StoreOf().Find("ann", recording.State.Id)!.State.EndedBecause);
    }

    [Fact]
    public void An_operator_may_allow_none()
    {
        _options.RecordingDiskMb = 0;
        Assert.Equal(404, Assert.Throws<RequestRefusedException>(() => _store.Begin("ann", _session, null)).Status);
    }

    public void Dispose()
    {
        _session.Dispose();
        Directory.Delete(_options.DataFolder, recursive: true);
    }

    private RecordingStore StoreOf() => new(_options, _time, _log);

    private string Ended(string owner, int bytes)
    {
        _time.Advance(TimeSpan.FromMinutes(1));
        var recording = _store.Begin(owner, _session, null);
        Fill(recording, bytes);
        _store.End(recording, "It was stopped.");
        return recording.State.Id;
    }

    private static void Fill(Recording recording, int bytes) => File.WriteAllBytes(recording.Video, new byte[bytes]);

    private string[] Ids(string owner) => [.. _store.List(owner).Select(r => r.State.Id)];

    private sealed class Told : ILogger<RecordingStore>
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
