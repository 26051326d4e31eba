using System.Security.Cryptography;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;

namespace TrueLive.Fleet.Links;

/// <summary>
/// The keys that workers join with, one each, by name; only their hashes are kept. A change of the file takes effect within a second, also
/// for links that run. Thread-safe.
/// </summary>
internal sealed class JoinKeys(ServerOptions options, TimeProvider time)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly Lock _gate = new();
    private readonly string _path = JoinKeyFile.PathIn(options.DataPath);
    private IReadOnlyList<NamedKey> _keys = [];
    private DateTime _changed;
    private long? _looked;

    /// <summary>Name of the worker that has this key; null where none has, or no longer.</summary>
    public string? Find(string key)
    {
        var shown = Convert.ToHexStringLower(ApiKeyFile.HashOf(key));
        string? name = null;
        foreach (var known in Current())
        {
            if (CryptographicOperations.FixedTimeEquals(System.Text.Encoding.ASCII.GetBytes(known.Sha256),
                System.Text.Encoding.ASCII.GetBytes(shown)) && !(known.Expires <= time.GetUtcNow()))
                name = known.Name;
        }
        return name;
    }

    // A file that is damaged lets nobody in: the keys before it may be what was revoked.
    private IReadOnlyList<NamedKey> Current()
    {
        lock (_gate)
        {
            if (_looked is { } at && time.GetElapsedTime(at) < LookEvery)
                return _keys;
            _looked = time.GetTimestamp();
            if (File.GetLastWriteTimeUtc(_path) is var changed && changed == _changed)
                return _keys;
            _changed = changed;
            try
            {
                return _keys = ApiKeyFile.Read(_path);
            }
            catch (Exception damaged) when (damaged is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                return _keys = [];
            }
        }
    }
}
