using System.Collections.Immutable;
using TrueLive.Clips;
using TrueLive.Core.Models;
using TrueLive.Media.Files;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>The source of a job.</summary>
/// <param name="Path">File to read.</param>
/// <param name="Recorded">Prompts of a journal; default for a job with prompts of its own.</param>
/// <param name="Resets">Frames before which a journalled session forgot its memory.</param>
/// <param name="Note">A note for the user; null for none.</param>
internal sealed record ClipSource(
    string Path, ImmutableArray<(TimeSpan At, Prompt Prompt)> Recorded, ImmutableHashSet<long> Resets, string? Note = null);

/// <summary>Finds or fetches the source of a job.</summary>
internal sealed class ClipSources(ClipFolders folders, ClipUploads uploads, JournalStore journals, ModelStore models, ServerOptions options,
    TimeProvider time) : IDisposable
{
    private static readonly TimeSpan FetchTime = TimeSpan.FromMinutes(10);

    /// <summary>Addresses that may be fetched.</summary>
    public OutboundHosts Hosts { get; } = new(options.ClipUrlHosts, "clip_url_hosts");

    /// <summary>The job's source, fetched into its work folder if it is an address.</summary>
    /// <exception cref="MediaFileException">It has expired, was deleted, or could not be fetched.</exception>
    public async Task<ClipSource> OpenAsync(ClipJob job, CancellationToken cancel)
    {
        var request = job.Request;
        if (request.Journal is { } id)
        {
            var journal = journals.Find(job.Owner, id) ?? throw new MediaFileException("The journal has expired or was deleted.");
            await journals.WrittenAsync(id).WaitAsync(cancel).ConfigureAwait(false);
            // The journal may have been incomplete when it was found, so it is read again.
            journal = journals.Find(job.Owner, id) ?? journal;
            var model = models.Find(request.Model) ?? throw new ArgumentException($"This server has no model '{request.Model}' any more.");
            var (recorded, resets) = journal.Prompts(model);
            return new ClipSource(journal.VideoPath, recorded, resets, journal.OtherModel(model.Info));
        }
        var path = request.Url is { } url
            ? await FetchAsync(job, url, cancel).ConfigureAwait(false)
            : uploads.Find(job.Owner, request.Source) is { } upload ? uploads.PathOf(upload)
            : throw new MediaFileException("The upload has expired or was deleted.");
        return new ClipSource(path, default, []);
    }

    public void Dispose() => Hosts.Dispose();

    private async Task<string> FetchAsync(ClipJob job, string url, CancellationToken cancel)
    {
        if (Hosts.Refuse(url, out var uri) is { } refused)
            throw new MediaFileException(refused);
        var folder = folders.FetchedOf(job);
        var path = Path.Combine(folder, ClipUploads.SafeName(Path.GetFileName(uri!.AbsolutePath)));
        Directory.CreateDirectory(folder);
        foreach (var fetched in folders.FetchedBefore(job))
        {
            try
            {
                File.Move(Path.Combine(fetched, Path.GetFileName(path)), path, overwrite: true);
                return path;
            }
            catch (Exception none) when (none is FileNotFoundException or DirectoryNotFoundException)
            {
                // It was not fetched to the end there.
            }
        }
        using var late = new CancellationTokenSource(FetchTime, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        var most = Math.Min((long)options.ClipUploadMb << 20, folders.LeftFor(job.Owner));
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri);
            using var answer = await Hosts.SendAsync(request, limit.Token).ConfigureAwait(false);
            if (!answer.IsSuccessStatusCode)
                throw new MediaFileException($"{uri.Host} answered {(int)answer.StatusCode}; the file itself must be at the address " +
                    "(redirects are not followed).");
            await using var body = await answer.Content.ReadAsStreamAsync(limit.Token).ConfigureAwait(false);
            await using (var file = new FileStream(path + ".partial", FileMode.Create))
            {
                var buffer = new byte[81920];
                int read;
                while ((read = await body.ReadAsync(buffer, limit.Token).ConfigureAwait(false)) > 0)
                {
                    if (file.Length + read > most)
                        throw new MediaFileException($"The file at {uri.Host} is larger than the {most >> 20} MB that may be fetched.");
                    await file.WriteAsync(buffer.AsMemory(0, read), limit.Token).ConfigureAwait(false);
                }
            }
            File.Move(path + ".partial", path);
            return path;
        }
        catch (HttpRequestException error)
        {
            throw new MediaFileException($"{uri.Host} could not be reached: {error.InnerException?.Message ?? error.Message}", error);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            throw new MediaFileException($"{uri.Host} took longer than {FetchTime.TotalMinutes:0} minutes.");
        }
    }
}
