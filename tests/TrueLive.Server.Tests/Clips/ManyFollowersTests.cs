using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Clips;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Clips;

/// <summary>What many followers of one job, and many small files, cost the database and the disk.</summary>
public sealed class ManyFollowersTests : IDisposable
{
    private readonly ServerOptions _options = new() { DataFolder = Directory.CreateTempSubdirectory("truelive-followers-").FullName };
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_options.DataFolder, recursive: true);

    [Fact]
    public async Task All_who_follow_a_clip_share_one_look_at_the_database()
    {
        var folders = new ClipFolders(_options);
        await using var host = new ClipQueueHost(_options, folders, _time, NullLogger<ClipQueueHost>.Instance);
        var queue = await host.QueueAsync(Cancel);
        var job = await queue.EnqueueAsync("ann", new ClipRequest("", "", "m", 16, 16, "mp4", 1, null), Cancel);
        Assert.Equal(ClipJobState.Queued, (await host.LookAsync(job.Id, Cancel))!.State);
        await queue.CancelAsync(job.Id, Cancel);
        // The row has changed, but until the next query all followers get the shared result.
        for (var follower = 0; follower < 500; follower++)
            Assert.Equal(ClipJobState.Queued, (await host.LookAsync(job.Id, Cancel))!.State);
        _time.Advance(TimeSpan.FromMilliseconds(200));
        Assert.Equal(ClipJobState.Cancelled, (await host.LookAsync(job.Id, Cancel))!.State);
    }

    [Fact]
    public void Files_count_as_the_blocks_that_they_take_and_an_owner_is_read_once()
    {
        var folders = new ClipFolders(_options);
        for (var i = 0; i < 10; i++)
        {
            var folder = Path.Combine(folders.Uploads, ClipQueue.NewId());
            ClipFolders.Own(folder, "ann");
            File.WriteAllText(Path.Combine(folder, "upload.bin"), "x");
        }
        // Each has a folder, the file with its owner and a file of one byte.
        Assert.Equal((10 * 3 * 4096, 10), ((int)folders.UsedBy("ann"), folders.CountOf(folders.Uploads, "ann")));
        foreach (var owner in Directory.EnumerateFiles(folders.Uploads, "owner", SearchOption.AllDirectories).ToArray())
            File.WriteAllText(owner, "bob");
        Assert.Equal((10, 0), (folders.CountOf(folders.Uploads, "ann"), folders.CountOf(folders.Uploads, "bob")));
    }

    [Fact]
    public async Task A_key_holds_only_so_many_uploads_however_small()
    {
        var folders = new ClipFolders(_options);
        var uploads = new ClipUploads(folders, new WorkPlaces(1), _options, _time);
        for (var i = 0; i < ClipUploads.MostOfOneKey; i++)
            ClipFolders.Own(Path.Combine(folders.Uploads, ClipQueue.NewId()), "ann");
        var refused = await Assert.ThrowsAsync<RequestRefusedException>(() =>
            uploads.TakeAsync("ann", "x.mp4", Stream.Null, 0, null, Cancel));
        Assert.Contains($"{ClipUploads.MostOfOneKey}", refused.Message, StringComparison.Ordinal);
        // Bob is refused because his file is not a video, not because of her uploads.
        Assert.DoesNotContain($"{ClipUploads.MostOfOneKey}",
            (await Assert.ThrowsAsync<RequestRefusedException>(() =>
            uploads.TakeAsync("bob", "x.mp4", Stream.Null, 0, null, Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_description_that_a_crash_cut_off_hides_no_other_upload()
    {
        var folders = new ClipFolders(_options);
        var uploads = new ClipUploads(folders, new WorkPlaces(1), _options, _time);
        var whole = ClipQueue.NewId();
        foreach (var (id, text) in new[] { (whole, ""), (ClipQueue.NewId(), ""), (ClipQueue.NewId(), "{\"Id\":"),
            (ClipQueue.NewId(), "null") })
        {
            var folder = Path.Combine(folders.Uploads, id);
            ClipFolders.Own(folder, "ann");
            var view = new UploadView(id, "clip", "", "a.mp4", 1, 16, 16, 25, 1, 25, false, "h264", [], _time.GetUtcNow().AddHours(1));
            File.WriteAllText(Path.Combine(folder, "upload.json"), id == whole ? System.Text.Json.JsonSerializer.Serialize(view) : text);
        }
        Assert.Equal(whole, Assert.Single(uploads.List("ann")).Id);
    }
}
