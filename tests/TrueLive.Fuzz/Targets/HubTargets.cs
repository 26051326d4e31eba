using System.Text;
using TrueLive.Hub.Layouts;
using TrueLive.Hub.Repositories;
using TrueLive.Models.Manifest;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a hub sends, and what a pulled model's folder contains.</summary>
internal static class HubTargets
{
    private static readonly RepositoryName Repository = new("acme/model", "main");
    private static readonly string Folder = Directory.CreateTempSubdirectory("truelive-fuzz-hub-").FullName;

    /// <summary>A listing; each of its files must stay in the folder that it is downloaded to.</summary>
    public static void Listing(ReadOnlySpan<byte> input)
    {
        _ = RepositoryName.TryParse(Encoding.UTF8.GetString(input));
        try
        {
            var listing = RepositoryListing.Read(input, Repository);
            foreach (var file in listing.Files)
            {
                if (!Path.GetFullPath(Path.Combine("/folder", file.Path)).StartsWith("/folder/", StringComparison.Ordinal) || file.Size < 0
                    || file.Hash.Hex.Length is not (40 or 64))
                    throw new InvalidOperationException($"'{file.Path}' was taken");
            }
            RepositoryLayout.Choose([.. listing.Files.Select(f => f.Path)], null, "acme/model");
        }
        catch (HubException)
        {
            // The documented refusal.
        }
    }

    /// <summary>The record of a pulled model, and a manifest from a repository.</summary>
    public static void Pulled(ReadOnlySpan<byte> input)
    {
        var path = Path.Combine(Folder, PulledRecord.FileName);
        File.WriteAllBytes(path, input);
        try
        {
            PulledRecord.Read(Folder);
        }
        catch (ModelException)
        {
            // The documented refusal.
        }
        try
        {
            OwnManifest.Layout(path, [], "acme/model");
        }
        catch (HubException)
        {
            // The documented refusal.
        }
    }
}
