using Microsoft.Extensions.Time.Testing;
using TrueLive.Media.Tests.Files;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Clips;

public sealed class ExpiryTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_upload_is_gone_for_its_owner_and_from_the_disk_when_its_time_is_over()
    {
        var time = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        var options = new ServerOptions { DataFolder = files["expiry"], ClipKeepHours = 2 };
        var folders = new ClipFolders(options);
        var uploads = new ClipUploads(folders, new WorkPlaces(1), options, time);
        var film = await files.MakeAsync("short-lived.mp4", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=0.3", "-pix_fmt", "yuv420p");
        await using var body = File.OpenRead(film);
        var upload = await uploads.TakeAsync("ann", "short-lived.mp4", body, body.Length, null, Cancel);
        time.Advance(TimeSpan.FromHours(1));
        uploads.Expire();
        Assert.Equal(upload.Id, uploads.Find("ann", upload.Id)?.Id);
        Assert.True(folders.UsedBy("ann") >= body.Length);
        time.Advance(TimeSpan.FromHours(1.1));
        Assert.Null(uploads.Find("ann", upload.Id));
        uploads.Expire();
        Assert.Empty(Directory.EnumerateFileSystemEntries(folders.Uploads));
        Assert.Equal(0, folders.UsedBy("ann"));
    }
}
