using System.IO.Compression;
using System.Security.Cryptography;
using TrueLive.Hub.Repositories;
using TrueLive.Models.Devices;

namespace TrueLive.Hub.Tests;

/// <summary>The GPU runtime's package from a stand-in registry.</summary>
public sealed class GpuRuntimePullTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-gpu-").FullName;
    private readonly byte[] _library = RandomNumberGenerator.GetBytes(300_000);

    private string Folder => GpuRuntime.FolderIn(_data);

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task The_package_is_downloaded_over_a_break_checked_and_what_is_needed_of_it_unpacked()
    {
        var package = Package();
        await using var hub = await StandInHub.StartAsync("acme/runtime", new() { ["package"] = package });
        var broken = false;
        hub.Serve = async (http, _, content) =>
        {
            if (broken)
                return false;
            broken = true;
            http.Response.ContentLength = content.Length;
            await http.Response.Body.WriteAsync(content.AsMemory(0, 100_000));
            await http.Response.Body.FlushAsync();
            http.Abort();
            return true;
        };
        Assert.False(GpuRuntime.IsIn(_data));
        await new GpuRuntimePull(Pinned(hub, package), Folder, TimeProvider.System).DownloadAsync(new Progress<long>(), Puller.Cancel);
        Assert.Equal([null, "bytes=100000-"], hub.Requests.Select(r => r.Range));
        Assert.True(GpuRuntime.IsIn(_data));
        Assert.Equal(["LICENSE", GpuRuntime.Library], Directory.EnumerateFiles(Folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(_library, await File.ReadAllBytesAsync(Path.Combine(Folder, GpuRuntime.Library), Puller.Cancel));
        Assert.Equal([GpuRuntime.Version], Directory.EnumerateFileSystemEntries(Path.Combine(_data, "gpu-runtime")).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Another_package_is_refused_and_leaves_nothing()
    {
        var (right, other) = (Package(), Package());
        await using var hub = await StandInHub.StartAsync("acme/runtime", new() { ["package"] = other });
        var pinned = Pinned(hub, right) with { Address = new Uri(hub.Store, StandInHub.Sha256(other)), Size = other.Length };
        var pull = new GpuRuntimePull(pinned, Folder, TimeProvider.System);
        Assert.Contains("size or checksum differ", (await Assert.ThrowsAsync<HubException>(() => pull.DownloadAsync(new Progress<long>(), Puller.Cancel))).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(_data, "gpu-runtime")));

        var larger = new GpuRuntimePull(pinned with { Size = other.Length - 10 }, Folder, TimeProvider.System);
        Assert.Contains("Nothing of it is taken", (await Assert.ThrowsAsync<HubException>(() => larger.DownloadAsync(new Progress<long>(), Puller.Cancel))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_package_that_was_brought_by_hand_is_unpacked()
    {
        var package = Package();
        await using var hub = await StandInHub.StartAsync("acme/runtime", []);
        var path = Path.Combine(_data, "package.nupkg");
        await File.WriteAllBytesAsync(path, package, Puller.Cancel);
        await new GpuRuntimePull(Pinned(hub, package), Folder, TimeProvider.System).UnpackAsync(path, Puller.Cancel);
        Assert.True(GpuRuntime.IsIn(_data));
        Assert.Empty(hub.Requests);
    }

    private byte[] Package()
    {
        using var to = new MemoryStream();
        using (var archive = new ZipArchive(to, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach (var (name, content) in new[] { ("runtimes/linux-x64/native/libonnxruntime.so", _library), ("LICENSE", "MIT"u8.ToArray()), ("../../outside", RandomNumberGenerator.GetBytes(100)) })
            {
                using var entry = archive.CreateEntry(name).Open();
                entry.Write(content);
            }
        }
        return to.ToArray();
    }

    private PinnedPackage Pinned(StandInHub hub, byte[] package) => new(
        new Uri(hub.Store, StandInHub.Sha256(package)), package.Length, Convert.ToBase64String(SHA512.HashData(package)),
        new Dictionary<string, long> { ["runtimes/linux-x64/native/libonnxruntime.so"] = _library.Length, ["LICENSE"] = 3 });
}
