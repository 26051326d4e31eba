using System.IO.Compression;
using System.Security.Cryptography;
using TrueLive.Hub.Repositories;
using TrueLive.Hub.Transfer;
using TrueLive.Models.Devices;

namespace TrueLive.Hub;

/// <summary>A package of a registry, known to the byte.</summary>
/// <param name="Address">Where it lies.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha512">Of the whole, as base64.</param>
/// <param name="Files">What is taken from it, with sizes.</param>
public sealed record PinnedPackage(Uri Address, long Size, string Sha512, IReadOnlyDictionary<string, long> Files)
{
    /// <summary>The GPU runtime, from the registry of .NET packages.</summary>
    public static PinnedPackage OfGpuRuntime { get; } = new(
        new Uri($"https://api.nuget.org/v3-flatcontainer/{Lower}/{GpuRuntime.Version}/{Lower}.{GpuRuntime.Version}.nupkg"),
        GpuRuntime.PackageBytes, GpuRuntime.PackageSha512, GpuRuntime.Files);

    private static string Lower => GpuRuntime.Package.ToLowerInvariant();
}

/// <summary>Brings the GPU runtime into the data folder.</summary>
/// <param name="package">The package.</param>
/// <param name="folder">Where its files go (<see cref="GpuRuntime.FolderIn"/>).</param>
/// <param name="time">Clock of pauses and limits.</param>
public sealed class GpuRuntimePull(PinnedPackage package, string folder, TimeProvider time)
{
    private string Partial => folder + ".nupkg.incomplete";

    /// <summary>Downloads the package, checks it and unpacks what is needed.</summary>
    /// <param name="progress">Told how many bytes are here.</param>
    /// <param name="cancel">Ends it; what is here is kept for the next time.</param>
    /// <exception cref="HubException">It cannot be had, or is not the one that is known.</exception>
    public async Task DownloadAsync(IProgress<long> progress, CancellationToken cancel)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        // The registry needs no token; a mirror may point elsewhere.
        using var handler = new SocketsHttpHandler
        {
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(20),
            MaxAutomaticRedirections = 5,
        };
        using var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        var file = new ResumedFile(Path.GetFileName(package.Address.AbsolutePath), package.Size, async (from, stop) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, package.Address);
            if (from > 0)
                request.Headers.Range = new(from, null);
            return await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stop).WaitAsync(HubClient.Patience, time, stop)
                .ConfigureAwait(false);
        }, why => new HubException($"{package.Address.Host} cannot be reached or broke off: {Text.Shown(why.GetBaseException().Message)} "
            + $"What was downloaded is kept; run the command again to go on. {Elsewhere}", why), time);
        await file.CompleteAsync(Partial, progress, cancel).ConfigureAwait(false);
        progress.Report(package.Size);
        try
        {
            await UnpackAsync(Partial, cancel).ConfigureAwait(false);
        }
        finally
        {
            File.Delete(Partial);
        }
    }

    /// <summary>Unpacks a package that was downloaded elsewhere.</summary>
    /// <exception cref="HubException">It is not the one that is known.</exception>
    public async Task UnpackAsync(string path, CancellationToken cancel)
    {
        await using var file = File.OpenRead(path);
        var hash = Convert.ToBase64String(await SHA512.HashDataAsync(file, cancel).ConfigureAwait(false));
        if (file.Length != package.Size || hash != package.Sha512)
            throw new HubException($"{path} is not the package that is needed: size or checksum differ. {Elsewhere}");
        var partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, true);
        Directory.CreateDirectory(partial);
        using (var archive = new ZipArchive(file, ZipArchiveMode.Read))
        {
            foreach (var (name, size) in package.Files)
            {
                if (archive.GetEntry(name) is not { } entry || entry.Length != size)
                    throw new HubException($"{path} does not hold {name} with {size} bytes.");
                await using var from = await entry.OpenAsync(cancel).ConfigureAwait(false);
                await using var to = File.Create(Path.Combine(partial, Path.GetFileName(name)));
                await from.CopyToAsync(to, cancel).ConfigureAwait(false);
            }
        }
        if (Directory.Exists(folder))
            Directory.Delete(folder, true);
        Directory.Move(partial, folder);
    }

    private string Elsewhere => $"The package can also be downloaded elsewhere ({package.Address}) and given with --file.";
}
