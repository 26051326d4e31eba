using System.Security.Cryptography;
using System.Text;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Http;

/// <summary>
/// Addresses that open one thing without a key, because <c>&lt;video&gt;</c>, <c>EventSource</c> and downloads cannot send one:
/// the address of the thing and a keyed hash of it. The key of the hash lies in the data folder, so links outlive a restart.
/// </summary>
internal sealed class SignedLinks(ClipFolders folders, ServerOptions options)
{
    private readonly Lazy<byte[]> _key = new(() => LoadOrMake(Path.Combine(folders.Root, "link-key")));

    /// <summary>The path with its token, as clients reach it.</summary>
    public string Sign(string path) => $"{options.PathPrefix}{path}?token={TokenOf(path)}";

    /// <summary>The path of an address as this server knows it, without what a reverse proxy puts before it.</summary>
    public string Local(string path) => path.StartsWith(options.PathPrefix + "/", StringComparison.Ordinal) ? path[options.PathPrefix.Length..] : path;

    /// <summary>True when the request is for exactly the address that its token was made for.</summary>
    public bool Opens(HttpRequest request) => Opens(request.Path.Value ?? "", request.Query["token"].ToString());

    /// <summary>True when the token was made for exactly this address.</summary>
    public bool Opens(string path, string token) =>
        token.Length == 40 && (path.StartsWith("/v1/", StringComparison.Ordinal) || path.StartsWith("/whep/", StringComparison.Ordinal)) && HasFolder
        && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(token), Encoding.ASCII.GetBytes(TokenOf(path)));

    private bool HasFolder => _key.IsValueCreated || File.Exists(Path.Combine(folders.Root, "link-key"));

    private string TokenOf(string path) => Convert.ToHexStringLower(HMACSHA256.HashData(_key.Value, Encoding.UTF8.GetBytes(path)).AsSpan(0, 20));

    private static byte[] LoadOrMake(string file)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(file)!);
        try
        {
            using var made = new FileStream(file, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
            made.Write(RandomNumberGenerator.GetBytes(32));
        }
        catch (IOException) when (File.Exists(file))
        {
        }
        return File.ReadAllBytes(file);
    }
}
