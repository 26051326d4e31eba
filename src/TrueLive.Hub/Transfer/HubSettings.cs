using TrueLive.Hub.Repositories;

namespace TrueLive.Hub.Transfer;

/// <summary>Which hub, where its files are kept, and who asks, as the environment says it for all programs that use a hub.</summary>
/// <param name="Endpoint">Address of the hub (<c>HF_ENDPOINT</c>).</param>
/// <param name="CacheFolder">Where files are kept (<c>HF_HUB_CACHE</c>, or <c>hub</c> in <c>HF_HOME</c>).</param>
/// <param name="Token">Who asks (<c>HF_TOKEN</c>, or what a login wrote down); null for nobody.</param>
/// <param name="Offline">Nothing is asked of the network (<c>HF_HUB_OFFLINE</c>).</param>
public sealed record HubSettings(Uri Endpoint, string CacheFolder, string? Token, bool Offline)
{
    private const int MaxToken = 1000;

    /// <summary>Reads the environment.</summary>
    /// <param name="variable">Its variables.</param>
    /// <exception cref="HubException">A variable cannot be used.</exception>
    public static HubSettings Read(Func<string, string?> variable)
    {
        // Trailing spaces and line ends come along when a token or an address is read from a file.
        string? Set(string name) => variable(name)?.Trim() is { Length: > 0 } value ? value : null;
        var address = Set("HF_ENDPOINT") ?? "https://huggingface.co";
        if (!Uri.TryCreate(address.TrimEnd('/') + "/", UriKind.Absolute, out var endpoint) || endpoint.Scheme is not ("https" or "http"))
            throw new HubException($"HF_ENDPOINT is '{Text.Shown(address)}'; it must be an address such as https://huggingface.co.");
        var home = Folder(Set("HF_HOME") ?? Path.Combine(Set("XDG_CACHE_HOME") ?? "~/.cache", "huggingface"), Set("HOME"));
        var cache = Set("HF_HUB_CACHE") is { } named ? Folder(named, Set("HOME")) : Path.Combine(home, "hub");
        var offline = Set("HF_HUB_OFFLINE")?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE";
        var token = Set("HF_TOKEN") ?? Written(Set("HF_TOKEN_PATH") ?? Path.Combine(home, "token"));
        if (token?.Any(c => c is <= ' ' or >= '\u007f') == true)
            throw new HubException("HF_TOKEN has characters that no token has. Copy it again; it looks like hf_ and some letters.");
        return new HubSettings(endpoint, cache, token, offline);
    }

    /// <summary>The token may be shown there: to the hub itself, and never unencrypted to another machine.</summary>
    internal bool MayShowToken(Uri to) => Token is not null && (to.Scheme, to.Host, to.Port) == (Endpoint.Scheme, Endpoint.Host,
        Endpoint.Port)
        && (to.Scheme == "https" || to.IsLoopback);

    private static string Folder(string path, string? home) =>
        Path.GetFullPath(path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? (home ?? "/") + path[1..] : path);

    private static string? Written(string path)
    {
        try
        {
            return new FileInfo(path) is { Exists: true, Length: <= MaxToken } && File.ReadAllText(path).Trim() is { Length: > 0 } token
                ? token : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Another user's cache is used without their token.
            return null;
        }
    }
}
