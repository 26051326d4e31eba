using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Access;

/// <summary>What a key permits.</summary>
[Flags]
public enum KeyScopes : byte
{
    /// <summary>Only what every key permits: capabilities and the description of the API.</summary>
    None = 0,

    /// <summary>Live sessions of one's own, their journals, and previews of looks.</summary>
    Publish = 1,

    /// <summary>Watching sessions.</summary>
    Watch = 2,

    /// <summary>Uploads, clips and interactive clips.</summary>
    Clips = 4,

    /// <summary>Runs of the probe and checks of reports.</summary>
    Probe = 8,

    /// <summary>Metrics.</summary>
    Operate = 16,

    /// <summary>Everything.</summary>
    All = Publish | Watch | Clips | Probe | Operate,
}

/// <summary>How much a key may use; 0 sets no limit.</summary>
/// <param name="Sessions">Live sessions at a time.</param>
/// <param name="MinutesAMonth">Minutes of live sessions and clips in a calendar month of UTC.</param>
public sealed record KeyQuota(int Sessions = 0, double MinutesAMonth = 0)
{
    internal bool IsSound => Sessions is >= 0 and <= 1_000_000 && MinutesAMonth is >= 0 and <= 1e9;
}

/// <summary>A named key as it is stored; the key itself cannot be recovered from the file.</summary>
/// <param name="Name">For people and logs.</param>
/// <param name="Sha256">Hash of the key, which holds 256 random bits.</param>
/// <param name="Scopes">What it permits.</param>
/// <param name="Created">When it was made.</param>
/// <param name="Expires">When it stops working; null for never.</param>
public sealed record NamedKey(string Name, string Sha256, KeyScopes Scopes, DateTimeOffset Created, DateTimeOffset? Expires)
{
    /// <summary>How much it may use; null takes what the settings say for all keys.</summary>
    public KeyQuota? Quota { get; init; }
}

/// <summary>The file of named keys in the data folder. A running server takes a change within a second.</summary>
public static class ApiKeyFile
{
    /// <summary>The prefix of every key, by which secret scanners recognise one.</summary>
    public const string Prefix = "truelive_";

    private const int MaxBytes = 1 << 20;

    /// <summary>Makes a key and returns it, for the only time.</summary>
    /// <exception cref="ArgumentException">
    /// The name is taken or invalid: letters, digits, dots, dashes and underscores are allowed, at most 64.
    /// </exception>
    public static string Create(string path, string name, KeyScopes scopes, DateTimeOffset now, TimeSpan? lasts)
    {
        if (name.Length is 0 or > 64 || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
            throw new ArgumentException($"'{name}' is not a name for a key: take letters, digits, dots, dashes and underscores, " +
                "at most 64.");
        var key = Prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
        Change(path, keys => keys.Exists(k => k.Name == name)
            ? throw new ArgumentException($"There is a key '{name}' already. Revoke it first, or take another name.")
            : [.. keys, new NamedKey(name, Convert.ToHexStringLower(HashOf(key)), scopes, now, now + lasts)]);
        return key;
    }

    /// <summary>Removes a key. False when there is none of that name.</summary>
    public static bool Revoke(string path, string name)
    {
        var found = false;
        Change(path, keys => [.. keys.Where(k => !(k.Name == name && (found = true)))]);
        return found;
    }

    /// <summary>Sets how much a key may use; null takes what the settings say. False when there is none of that name.</summary>
    /// <exception cref="ArgumentException">A number is negative or too large.</exception>
    public static bool SetQuota(string path, string name, KeyQuota? quota)
    {
        if (quota?.IsSound == false)
            throw new ArgumentException("A quota is 0 to 1000000 sessions and 0 to 1000000000 minutes; 0 sets no limit.");
        var found = false;
        Change(path, keys => [.. keys.Select(k => k.Name == name && (found = true) ? k with { Quota = quota } : k)]);
        return found;
    }

    /// <summary>All keys; none when there is no file.</summary>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public static IReadOnlyList<NamedKey> Read(string path)
    {
        try
        {
            if (!File.Exists(path))
                return [];
            if (new FileInfo(path).Length > MaxBytes)
                throw new InvalidDataException($"{path} is longer than {MaxBytes >> 20} MiB.");
            var keys = JsonSerializer.Deserialize(File.ReadAllBytes(path), KeyJson.Default.ListNamedKey) ?? [];
            if (keys.Find(k => k?.Quota?.IsSound == false) is { } odd)
                throw new InvalidDataException($"{path} gives the key '{odd.Name}' a quota with a negative or too large number.");
            return keys.TrueForAll(k => k is { Name.Length: > 0, Sha256.Length: 64 } && k.Sha256.All(char.IsAsciiHexDigit)) ? keys
                : throw new InvalidDataException($"{path} holds a key without a name or without a SHA-256 of 64 hexadecimal digits.");
        }
        catch (JsonException damaged)
        {
            throw new InvalidDataException($"{path} cannot be read: {damaged.Message}", damaged);
        }
    }

    internal static byte[] HashOf(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    // Concurrent writers take turns, and a reader sees either the old file or the new one.
    private static void Change(string path, Func<List<NamedKey>, List<NamedKey>> how)
    {
        PrivateFiles.MakeFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
        using var turn = new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        PrivateFiles.Replace(path, JsonSerializer.SerializeToUtf8Bytes(how([.. Read(path)]), KeyJson.Default.ListNamedKey));
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UseStringEnumConverter = true)]
[JsonSerializable(typeof(List<NamedKey>))]
internal sealed partial class KeyJson : JsonSerializerContext;
