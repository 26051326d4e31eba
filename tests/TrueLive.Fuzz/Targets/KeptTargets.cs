using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server.Access;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Resources;

namespace TrueLive.Fuzz.Targets;

/// <summary>What lies in the data folder, where a crash, a full disk or a hand may have changed it; and the links that it opens.</summary>
internal static class KeptTargets
{
    private static readonly ServerOptions Options = new() { DataFolder = FileOf("data") };
    private static readonly PassthroughModel Model = new();
    private static readonly FramePool References = new("fuzz reference", 1);
    private static readonly string JournalFolder = Directory.CreateDirectory(FileOf("journal")).FullName;
    private static readonly string WorkFolder = Directory.CreateDirectory(FileOf("work")).FullName;
    private static readonly SignedLinks Links = MakeLinks();

    public static void Keys(ReadOnlySpan<byte> input)
    {
        Directory.CreateDirectory(Options.DataPath);
        File.WriteAllBytes(Options.KeysPath, input);
        try
        {
            var ring = new ApiKeyRing(Options, TimeProvider.System, NullLogger<ApiKeyRing>.Instance);
            if (!ring.Required || ring.Find("") is not null)
                throw new InvalidOperationException("a damaged key file opens the server");
            _ = ring.Count;
        }
        catch (ConfigurationException)
        {
            // The documented refusal.
        }
        finally
        {
            File.Delete(Options.KeysPath);
        }
    }

    /// <summary>Two lines: the address and the token. None of them was signed here.</summary>
    public static void Link(ReadOnlySpan<byte> input)
    {
        var lines = Encoding.UTF8.GetString(input).Split('\n', 2);
        if (lines.Length == 2 && Links.Opens(Links.Local(lines[0]), lines[1]))
            throw new InvalidOperationException("a link that nobody signed opens");
    }

    public static void Reference(ReadOnlySpan<byte> input)
    {
        if (ReferencePicture.Read("id", input.ToArray()) is not { } picture)
            return;
        using var frame = picture.Rent(References);
        if (!ReferencePicture.Of(frame, "").Bytes.Span.SequenceEqual(input))
            throw new InvalidOperationException("a picture that is not written as it was read");
    }

    public static void Journal(ReadOnlySpan<byte> input)
    {
        File.WriteAllBytes(Path.Combine(JournalFolder, "journal.json"), input);
        if (Server.Journals.Journal.Open(JournalFolder) is { } journal)
        {
            _ = journal.View.Expires;
            journal.OtherModel(Model.Info);
            journal.Prompts(Model);
            _ = journal.Left().View;
        }
    }

    public static void Upload(ReadOnlySpan<byte> input)
    {
        if (ClipUploads.Read(input, "0") is { } view && (Path.GetFileName(view.Name) != view.Name || view.Notes.Count < 0))
            throw new InvalidOperationException($"'{view.Name}' is no name");
    }

    public static void Work(ReadOnlySpan<byte> input)
    {
        File.WriteAllBytes(Path.Combine(WorkFolder, "progress.json"), input);
        if (ClipWork.Find(WorkFolder, "0") is { } work)
        {
            foreach (var scene in work.State.Scenes)
            {
                if (new[] { scene.Memory }.Concat(scene.Parts.Select(p => p.File)).OfType<string>().FirstOrDefault(f => Path.GetDirectoryName(Path.GetFullPath(work.PathOf(f))) != WorkFolder) is { } outside)
                    throw new InvalidOperationException($"'{outside}' lies outside the folder");
            }
        }
    }

    /// <summary>A path in this process's own folder, in memory where that is possible: thousands of files are written.</summary>
    internal static string FileOf(string name)
    {
        var folder = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"truelive-fuzz-kept-{Environment.ProcessId}");
        if (!Directory.Exists(folder))
        {
            Directory.CreateDirectory(folder);
            AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(folder, recursive: true);
        }

        return Path.Combine(folder, name);
    }

    private static SignedLinks MakeLinks()
    {
        var links = new SignedLinks(new ClipFolders(Options), new ApiKeyRing(Options, TimeProvider.System, NullLogger<ApiKeyRing>.Instance), Options, TimeProvider.System);
        // Makes the key, without which nothing is compared.
        links.Sign("/v1/clips/x", ApiKeyRing.Nobody);
        return links;
    }
}
