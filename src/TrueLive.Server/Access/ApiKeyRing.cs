using System.Security.Cryptography;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Access;

/// <summary>A key that a client has shown.</summary>
/// <param name="Name">For logs; never the key.</param>
/// <param name="Owner">
/// What its sessions, files and runs belong to: made from the key, so that a new key under an old name does not own what the old one owned.
/// </param>
/// <param name="Scopes">What it permits.</param>
/// <param name="Quota">How much it may use.</param>
internal sealed record KnownKey(string Name, string Owner, KeyScopes Scopes, KeyQuota Quota);

/// <summary>
/// The keys that give access to this server: those of <c>api_keys</c> and the named ones of the key file, which may change while it runs.
/// Thread-safe.
/// </summary>
internal sealed partial class ApiKeyRing
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<ApiKeyRing> _logger;
    private readonly Lock _gate = new();
    private Entry[] _entries;
    private DateTime _changed;
    private long _looked;
    private bool _required;

    /// <exception cref="ConfigurationException">The key file is damaged.</exception>
    public ApiKeyRing(ServerOptions options, TimeProvider time, ILogger<ApiKeyRing> logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        try
        {
            _entries = Load();
        }
        catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException([$"The key file cannot be used: {error.Message} Mend or delete it, then make keys with " +
                "'truelive keys create'."]);
        }
        _looked = time.GetTimestamp();
    }

    /// <summary>Whether requests need a key. They still do after the last key was revoked.</summary>
    public bool Required
    {
        get
        {
            Look();
            return _required;
        }
    }

    /// <summary>Keys that have not expired.</summary>
    public int Count => Current().Count(e => e.IsOpenAt(_time.GetUtcNow()));

    /// <summary>The valid key with this text; null for none.</summary>
    public KnownKey? Find(string key)
    {
        var shown = ApiKeyFile.HashOf(key);
        KnownKey? known = null;
        foreach (var entry in Current())
        {
            if (CryptographicOperations.FixedTimeEquals(entry.Hash, shown) && entry.IsOpenAt(_time.GetUtcNow()))
                known = entry.Key;
        }
        return known;
    }

    /// <summary>Whether this owner's signed links are still valid.</summary>
    public bool Knows(string owner) =>
        Required ? Current().Any(e => e.Key.Owner == owner && e.IsOpenAt(_time.GetUtcNow())) : owner == Nobody;

    /// <summary>Name of the key whose owner this is, also of one that has expired; empty where there is none.</summary>
    public string NameOf(string owner) => Array.Find(Current(), e => e.Key.Owner == owner)?.Key.Name ?? "";

    /// <summary>How much an owner may use. In a fleet the front door knows, and workers set no limit of their own.</summary>
    public KeyQuota QuotaOf(string owner) => _options.Join.Length > 0 ? new KeyQuota()
        : Array.Find(Current(), e => e.Key.Owner == owner)?.Key.Quota ?? Usual;

    /// <summary>Everybody who may own something.</summary>
    public IEnumerable<string> Owners() => Required ? Current().Select(e => e.Key.Owner) : [Nobody];

    private KeyQuota Usual => new(_options.KeySessions, _options.KeyMinutes);

    /// <summary>Owner of everything on a server without keys.</summary>
    public const string Nobody = "local";

    private Entry[] Current()
    {
        Look();
        return Volatile.Read(ref _entries);
    }

    private void Look()
    {
        lock (_gate)
        {
            if (_time.GetElapsedTime(_looked) < LookEvery)
                return;
            _looked = _time.GetTimestamp();
            if (File.GetLastWriteTimeUtc(_options.KeysPath) == _changed)
                return;
            try
            {
                _entries = Load();
            }
            catch (Exception error) when (error is InvalidDataException or IOException or UnauthorizedAccessException)
            {
                LogDamaged(error.Message);
            }
        }
    }

    private Entry[] Load()
    {
        _changed = File.GetLastWriteTimeUtc(_options.KeysPath);
        _required |= _options.ApiKeys.Length > 0 || File.Exists(_options.KeysPath);
        return
        [
            .. _options.ApiKeys.Select((key, i) => Entry.Of($"api_keys[{i}]", ApiKeyFile.HashOf(key), KeyScopes.All, null, Usual)),
            .. ApiKeyFile.Read(_options.KeysPath).Select(k =>
                Entry.Of(k.Name, Convert.FromHexString(k.Sha256), k.Scopes, k.Expires, k.Quota ?? Usual)),
        ];
    }

    private sealed record Entry(KnownKey Key, byte[] Hash, DateTimeOffset? Expires)
    {
        public static Entry Of(string name, byte[] hash, KeyScopes scopes, DateTimeOffset? expires, KeyQuota quota) =>
            new(new KnownKey(name, "key-" + Convert.ToHexStringLower(hash.AsSpan(0, 8)), scopes, quota), hash, expires);

        public bool IsOpenAt(DateTimeOffset now) => Expires is not { } end || now < end;
    }

    [LoggerMessage(EventId = 5001, EventName = "keys_refused", Level = LogLevel.Error,
        Message = "The key file has changed and cannot be used; the keys before it stay in force: {Why}")]
    private partial void LogDamaged(string why);
}
