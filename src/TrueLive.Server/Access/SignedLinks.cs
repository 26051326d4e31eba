using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Access;

/// <summary>
/// Addresses that open one thing without a key, because <c>&lt;video&gt;</c>, <c>EventSource</c> and downloads cannot send one: the address
/// of the thing, until when, whose it is, and a keyed hash of these. A link ends with its time and with the key of its owner. The key of
/// the hash is kept in the data folder, so links survive a restart.
/// </summary>
internal sealed class SignedLinks(ClipFolders folders, ApiKeyRing ring, ServerOptions options, TimeProvider time)
{
    private const int KeyLength = 32;

    // HLS players request the segments beside the playlist, so its token gives access to the whole folder.
    private const string Hls = "/hls/";
    private static readonly string[] Folders = ["/v1/", "/whep/", Hls];

    // Without this mode a share that was silent at the first use would be so for ever.
    private readonly Lazy<byte[]> _key = new(() => LoadOrMake(folders), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>
    /// The path with its token, as clients reach it. The same for an hour, so that a new token alone does not count as a change of a job.
    /// </summary>
    public string Sign(string path, string owner)
    {
        var until = time.GetUtcNow().AddHours(options.ClipKeepHours + 1).ToUnixTimeSeconds() / 3600;
        return $"{options.PathPrefix}{path}?token={TokenOf(path, until, owner)}";
    }

    /// <summary>The path of an address as this server knows it, without what a reverse proxy puts before it.</summary>
    public string Local(string path) =>
        path.StartsWith(options.PathPrefix + "/", StringComparison.Ordinal) ? path[options.PathPrefix.Length..] : path;

    /// <summary>True when the request is for exactly the address that its token was made for, or for a file in its HLS folder.</summary>
    public bool Opens(HttpRequest request) => Opens(request.Path.Value ?? "", request.Query["token"].ToString());

    /// <summary>True when the token was made for this address, has not expired, and its owner's key is still valid.</summary>
    public bool Opens(string path, string token) =>
        token.Length < 200 && Folders.Any(f => path.StartsWith(f, StringComparison.Ordinal)) && HasKey
        && token.Split('.') is [var hours, var owner, _]
        && long.TryParse(hours, NumberStyles.None, CultureInfo.InvariantCulture, out var until)
        && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(TokenOf(path, until, owner)))
        && time.GetUtcNow().ToUnixTimeSeconds() < until * 3600
        // The keys of a fleet are kept at its front door, which has checked the owner's.
        && (options.Join.Length > 0 || ring.Knows(owner));

    /// <summary>The owner that a token claims, unchecked; null for text that is not a token.</summary>
    public static string? ClaimedOwner(string token) => token.Length < 200 && token.Split('.') is [_, var owner, _] ? owner : null;

    private bool HasKey => _key.IsValueCreated || File.Exists(Path.Combine(folders.Root, "link-key"));

    private static string Signed(string path) =>
        path.StartsWith(Hls, StringComparison.Ordinal) ? path[..(path.LastIndexOf('/') + 1)] : path;

    private string TokenOf(string path, long until, string owner) => string.Create(
        CultureInfo.InvariantCulture,
        $"{until}.{owner}.{Convert.ToHexStringLower(HMACSHA256.HashData(_key.Value, Encoding.UTF8.GetBytes($"{Signed(path)}\n{until}\n{owner}")).AsSpan(0, 20))}");

    // A full disk or a crash leaves a file of another length: links signed with it could be forged by guessing.
    private static byte[] LoadOrMake(ClipFolders folders)
    {
        var file = Path.Combine(folders.Root, "link-key");
        // A key made under a mount point would be no other server's. While only the database is away, live sessions need the one there is.
        if (folders.Misplaced is { } lacking && (lacking == Shortage.OtherFiles || !File.Exists(file)))
            throw new ShortageException(lacking);
        PrivateFiles.MakeFolder(Path.GetDirectoryName(file)!);
        if (File.Exists(file) && File.ReadAllBytes(file) is { Length: not KeyLength })
            PrivateFiles.Replace(file, RandomNumberGenerator.GetBytes(KeyLength));
        PrivateFiles.Make(file, RandomNumberGenerator.GetBytes(KeyLength));
        return File.ReadAllBytes(file) is { Length: KeyLength } key
            ? key
            : throw new IOException($"{file} does not hold a key of {KeyLength} bytes.");
    }
}
