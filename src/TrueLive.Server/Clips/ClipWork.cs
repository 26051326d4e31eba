using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Core.Models;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>A finished part on disk.</summary>
/// <param name="File">Its name in the work folder.</param>
/// <param name="StartTicks">Time of its first frame on the clip's timeline.</param>
/// <param name="Frames">Frames in it.</param>
internal sealed record ClipPart(string File, long StartTicks, long Frames);

/// <summary>One scene, or the whole clip: a run of frames with one memory.</summary>
internal sealed record SceneState
{
    /// <summary>Where it begins on the file's own timeline; null for the start.</summary>
    public long? FromTicks { get; init; }

    /// <summary>Where the next scene begins, on the clip's timeline; null for the last.</summary>
    public long? UntilTicks { get; init; }

    /// <summary>Number of source frames that the model has taken and need not take again.</summary>
    public long Next { get; init; }

    /// <summary>
    /// File with the memory before frame <see cref="Next"/>, frames inside the model included; null before the first frame.
    /// </summary>
    public string? Memory { get; init; }

    /// <summary>Whether all its frames are finished.</summary>
    public bool Ended { get; init; }

    /// <summary>Time of the last finished frame.</summary>
    public long LastTicks { get; init; }

    public IReadOnlyList<ClipPart> Parts { get; init; } = [];
}

/// <summary>The content of progress.json.</summary>
internal sealed record ClipWorkState(string Fingerprint, long OriginTicks, IReadOnlyList<SceneState> Scenes);

/// <summary>
/// The work folder beside an output: finished parts, the model's memory after each, and progress.json that names them. The file is replaced
/// atomically after a part is complete, so that the process may be killed at any time.
/// </summary>
internal sealed class ClipWork
{
    private readonly string _folder;
    private readonly Lock _write = new();
    private ClipWorkState _state;

    private ClipWork(string folder, ClipWorkState state) => (_folder, _state) = (folder, state);

    /// <summary>The finished parts of each scene.</summary>
    public ClipWorkState State
    {
        get
        {
            lock (_write)
                return _state;
        }
    }

    /// <summary>Bytes of all parts on disk.</summary>
    public long Bytes => ClipFolders.BytesIn(_folder);

    /// <summary>Full path of a file in the folder.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>The work that an earlier run left, or null when there is none of this fingerprint.</summary>
    public static ClipWork? Find(string folder, string fingerprint)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(folder, "progress.json"));
            var state = JsonSerializer.Deserialize(file, ClipWorkJson.Default.ClipWorkState);
            return state?.Fingerprint == fingerprint && state.Scenes.All(IsWhole) ? new ClipWork(folder, state) : null;
        }
        catch (Exception error) when (error is IOException or JsonException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>
    /// Continues the work that got furthest among those of others, in a folder of its own: another that only seems dead may still write to
    /// its folder. Null when there is none of this fingerprint.
    /// </summary>
    public static ClipWork? TakeOver(IReadOnlyList<string> earlier, string folder, string fingerprint)
    {
        // One that still runs deletes the memory that its progress.json named when it has saved the next: then that is found.
        for (var tries = 0; tries < 2; tries++)
        {
            foreach (var work in earlier.Select(f => Find(f, fingerprint)).OfType<ClipWork>()
                .OrderByDescending(w => w.State.Scenes.Sum(s => s.Next)))
            {
                if (work.ShareWith(folder) is not { } taken)
                    continue;
                foreach (var old in earlier)
                    RemoveUnlessWritten(old);
                return taken;
            }
        }
        return null;
    }

    // Null when a file is gone that was named a moment ago.
    private ClipWork? ShareWith(string folder)
    {
        var taken = InEmpty(folder, _state);
        try
        {
            foreach (var name in _state.Scenes.SelectMany(s => s.Parts.Select(p => p.File).Append(s.Memory)).OfType<string>())
                PrivateFiles.Share(PathOf(name), taken.PathOf(name));
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        taken.Save();
        return taken;
    }

    private static void RemoveUnlessWritten(string folder)
    {
        try
        {
            ClipFolders.Remove(folder);
        }
        catch (IOException)
        {
            // Another still writes to it. It goes with the job.
        }
    }

    // Somebody else may have written progress.json, and the files that it names are read and deleted: only names inside the folder are
    // accepted.
    private static bool IsWhole(SceneState? scene) => scene is { Parts: not null } && (scene.Memory is null || IsName(scene.Memory))
        && scene.Parts.All(part => part is not null && IsName(part.File));

    private static bool IsName(string file) => file is not ("" or "." or "..") && !file.Contains('/') && !file.Contains('\0');

    /// <summary>Starts over in an empty folder.</summary>
    public static ClipWork Begin(string folder, ClipWorkState state)
    {
        var work = InEmpty(folder, state);
        work.Save();
        return work;
    }

    private static ClipWork InEmpty(string folder, ClipWorkState state)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        return new ClipWork(folder, state);
    }

    /// <summary>Records the time of the file's first frame.</summary>
    public void SetOrigin(TimeSpan origin)
    {
        lock (_write)
            _state = _state with { OriginTicks = origin.Ticks };
    }

    /// <summary>Records the progress of a scene, and deletes the memory that is no longer needed.</summary>
    public void Advance(int scene, Func<SceneState, SceneState> change)
    {
        lock (_write)
        {
            var scenes = _state.Scenes.ToArray();
            var before = scenes[scene];
            scenes[scene] = change(before);
            _state = _state with { Scenes = scenes };
            Save();
            if (before.Memory is { } old && old != scenes[scene].Memory)
                File.Delete(PathOf(old));
        }
    }

    /// <summary>Writes a model's memory to a file of the folder and returns its name.</summary>
    public string SaveMemory(int scene, long frame, ModelState memory)
    {
        var name = $"memory-{scene:0000}-{frame:00000000}.bin";
        File.WriteAllBytes(PathOf(name), memory.Bytes.Span);
        return name;
    }

    /// <summary>Removes the folder.</summary>
    public void Delete()
    {
        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    /// <summary>
    /// Tells one input and its settings from another: length and both ends of the file, and the settings' text. It does not withstand
    /// somebody who wants two files to be taken for one.
    /// </summary>
    public static string Fingerprint(string input, string settings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using var file = File.OpenRead(input);
        Span<byte> length = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, file.Length);
        hash.AppendData(length);
        var buffer = new byte[1 << 20];
        hash.AppendData(buffer.AsSpan(0, file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)));
        if (file.Length > buffer.Length)
        {
            file.Position = Math.Max(buffer.Length, file.Length - buffer.Length);
            hash.AppendData(buffer.AsSpan(0, file.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)));
        }
        hash.AppendData(Encoding.UTF8.GetBytes(settings));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private void Save()
    {
        var file = PathOf("progress.json");
        using (var to = new FileStream(file + ".new", FileMode.Create))
        {
            JsonSerializer.Serialize(to, _state, ClipWorkJson.Default.ClipWorkState);
            to.Flush(flushToDisk: true);
        }
        File.Move(file + ".new", file, overwrite: true);
    }
}

[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ClipWorkState))]
internal sealed partial class ClipWorkJson : JsonSerializerContext;
