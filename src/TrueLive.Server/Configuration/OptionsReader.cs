using System.Collections;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Net;
using System.Reflection;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace TrueLive.Server.Configuration;

/// <summary>The configuration is wrong. Each message names the key, where it was set and what would be right.</summary>
public sealed class ConfigurationException(IReadOnlyList<string> problems) : Exception(string.Join('\n', problems))
{
    /// <summary>One sentence per problem.</summary>
    public IReadOnlyList<string> Problems { get; } = problems;
}

/// <summary>One setting, as it is named in file, environment and command line.</summary>
/// <param name="Key">Name in the file.</param>
/// <param name="Description">For people.</param>
/// <param name="IsSwitch">True when the flag takes no value.</param>
/// <param name="Default">As it would be written.</param>
/// <param name="IsSecret">True when it must not be given on a command line, which every user of the machine can read.</param>
/// <param name="Use">The command that it is for, one of <see cref="OptionUse"/>.</param>
public sealed record OptionKey(string Key, string Description, bool IsSwitch, string Default, bool IsSecret, string Use = OptionUse.Serve)
{
    /// <summary>Name on the command line.</summary>
    public string Flag => "--" + Key.Replace('_', '-');

    /// <summary>Name in the environment.</summary>
    public string Variable => "TRUELIVE_" + Key.ToUpperInvariant();
}

/// <summary>Reads <see cref="ServerOptions"/> from a YAML file, the environment and the command line, and checks them.</summary>
public static partial class OptionsReader
{
    private const int MaxFile = 256 * 1024;
    private const int MaxDepth = 8;
    private const string Prefix = "TRUELIVE_";

    // Keys for the probe's own targets, which may be in the environment of a server as well.
    private static readonly string[] NoSettings = ["TRUELIVE_KEY", "TRUELIVE_PROBE_KEY"];

    private static readonly string[] Secrets = [nameof(ServerOptions.ApiKeys), nameof(ServerOptions.WebhookSecret),
        nameof(ServerOptions.ClipDatabase), nameof(ServerOptions.JoinKey)];

    private static readonly (PropertyInfo Property, OptionKey Key)[] Options =
    [
        .. typeof(ServerOptions).GetProperties().Where(p => p.CanWrite).Select(p => (p, new OptionKey(
            WordStart().Replace(p.Name, "_$1").ToLowerInvariant(),
            p.GetCustomAttribute<DescriptionAttribute>()!.Description,
            p.PropertyType == typeof(bool),
            Write(p.GetValue(new ServerOptions())),
            Secrets.Contains(p.Name),
            p.GetCustomAttribute<CategoryAttribute>()?.Category ?? OptionUse.Serve))),
    ];

    /// <summary>All settings, in the order of <see cref="ServerOptions"/>.</summary>
    public static IReadOnlyList<OptionKey> Keys { get; } = [.. Options.Select(o => o.Key)];

    /// <summary>
    /// Reads and checks with the variables of this process. A variable with the prefix of the settings that is not a setting is refused,
    /// since a typo would silently leave a default in force.
    /// </summary>
    /// <exception cref="ConfigurationException">Something is wrong; all problems at once.</exception>
    public static ServerOptions Read(string? file, IDictionary environment, IReadOnlyDictionary<string, string> flags)
    {
        var unknown = UnknownVariables(environment.Keys.Cast<string>());
        ServerOptions options;
        try
        {
            options = Read(file, name => environment[name] as string, flags);
        }
        catch (ConfigurationException wrong) when (unknown.Count > 0)
        {
            throw new ConfigurationException([.. wrong.Problems, .. unknown]);
        }
        return unknown.Count == 0 ? options : throw new ConfigurationException(unknown);
    }

    /// <summary>Reads and checks. Later sources win: file, environment, flags.</summary>
    /// <param name="file">YAML file, or null.</param>
    /// <param name="environment">Variable by name.</param>
    /// <param name="flags">Value by <see cref="OptionKey.Key"/>, as given on the command line.</param>
    /// <exception cref="ConfigurationException">Something is wrong; all problems at once.</exception>
    public static ServerOptions Read(string? file, Func<string, string?> environment, IReadOnlyDictionary<string, string> flags)
    {
        var problems = new List<string>();
        var options = new ServerOptions();
        var fromFile = file is null ? [] : ReadFile(file, problems);
        foreach (var (property, key) in Options)
        {
            if (fromFile.Remove(key.Key, out var value))
                Set(options, property, value, $"{key.Key} in {file}", problems);
            if (environment(key.Variable) is { } variable)
                Set(options, property, variable, key.Variable, problems);
            if (FileVariable(property, key) is { } pointer && environment(pointer) is { } path)
                SetFromFile(options, property, key, pointer, path, environment, problems);
            if (flags.TryGetValue(key.Key, out var flag))
                Set(options, property, flag, key.Flag, problems);
        }
        if (flags.TryGetValue("store", out var store) && StorePassword().IsMatch(store))
            problems.Add("--store has a password, which every user of this machine could read. Set TRUELIVE_STORE, or store in a file.");
        problems.AddRange(fromFile.Keys.Select(k =>
            $"{k} in {file} is not a setting. The settings are: {string.Join(", ", Keys.Select(o => o.Key))}."));
        Check(options, problems);
        return problems.Count == 0 ? options : throw new ConfigurationException(problems);
    }

    /// <summary>The settings in force, as in a file; secrets are masked.</summary>
    public static IEnumerable<(string Key, string Value)> Write(ServerOptions options) =>
        Options.Select(o => (o.Key.Key, o.Property.Name switch
        {
            nameof(ServerOptions.ApiKeys) => $"({options.ApiKeys.Length} set)",
            nameof(ServerOptions.WebhookSecret) => options.WebhookSecret.Length > 0 ? "(set)" : "",
            nameof(ServerOptions.ClipDatabase) => options.ClipDatabase.Length > 0 ? "(set)" : "",
            nameof(ServerOptions.JoinKey) => options.JoinKey.Length > 0 ? "(set)" : "",
            nameof(ServerOptions.Store) => StorePassword().Replace(options.Store, ""),
            _ => Write(o.Property.GetValue(options)),
        }));

    // The store may be a flag, since some have no password.
    private static bool IsSecret(PropertyInfo property) => Secrets.Contains(property.Name) || property.Name == nameof(ServerOptions.Store);

    private static string? FileVariable(PropertyInfo property, OptionKey key) =>
        IsSecret(property) ? key.Variable + SecretFile.Suffix : null;

    private static void SetFromFile(ServerOptions options, PropertyInfo property, OptionKey key, string pointer, string path,
        Func<string, string?> environment, List<string> problems)
    {
        if (environment(key.Variable) is not null)
            problems.Add($"{key.Variable} and {pointer} are both set: leave one of them out.");
        else if (SecretFile.Read(path, pointer, property.PropertyType.IsArray, problems) is { } secret)
            Set(options, property, secret, $"The text in {path}", problems);
    }

    private static List<string> UnknownVariables(IEnumerable<string> names) =>
    [
        .. names.Where(n => n.StartsWith(Prefix, StringComparison.Ordinal) && !NoSettings.Contains(n)
            && !n.StartsWith(Prefix + "TEST_", StringComparison.Ordinal) && Keys.All(k => k.Variable != n)
            && Array.TrueForAll(Options, o => FileVariable(o.Property, o.Key) != n))
            .Order(StringComparer.Ordinal)
            .Select(n => $"{n} is not a setting. Did you mean {Keys.MinBy(k => Distance(k.Variable, n))!.Variable}?"),
    ];

    // Levenshtein's edit distance.
    private static int Distance(string a, string b)
    {
        var row = Enumerable.Range(0, b.Length + 1).ToArray();
        for (var i = 1; i <= a.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)));
        }
        return row[^1];
    }

    private static Dictionary<string, string> ReadFile(string file, List<string> problems)
    {
        try
        {
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & UnixFileMode.OtherWrite) != 0)
                throw new IOException("every user of this machine can change it. Run: chmod o-w " + file);
            // A bare name is what the program looks up by itself, possibly in a folder that everybody may write to, such as /tmp.
            if (Path.GetFileName(file) == file && FileOwner.IsForeign(file))
                throw new IOException("it belongs to another user of this machine, and is only taken where it is named with its folder. " +
                    "Delete it, or give --config ./" + file);
            if (new FileInfo(file).Length > MaxFile)
                throw new IOException($"it is longer than {MaxFile} bytes");
            var text = File.ReadAllText(file);
            var parser = new Parser(new StringReader(text));
            for (var depth = 0; parser.MoveNext();)
            {
                // The loader recurses without limit, and its aliases multiply.
                depth += parser.Current!.NestingIncrease;
                if (depth > MaxDepth || parser.Current is AnchorAlias)
                    throw new YamlException(parser.Current.Start, parser.Current.End,
                        $"aliases, and nesting deeper than {MaxDepth}, are not taken");
            }
            var yaml = new YamlStream();
            yaml.Load(new StringReader(text));
            if (yaml.Documents.Count == 0)
                return [];
            if (yaml.Documents[0].RootNode is not YamlMappingNode map)
                throw new YamlException("expected lines of the form key: value");
            return map.Children.ToDictionary(
                entry => ((YamlScalarNode)entry.Key).Value ?? "",
                entry =>
                    entry.Value is YamlSequenceNode list ? string.Join(',', list.Select(item => item.ToString())) : entry.Value.ToString());
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or YamlException or InvalidCastException
            or InvalidOperationException or ArgumentException)
        {
            problems.Add($"The configuration file {file} cannot be read: {error.Message}");
            return [];
        }
    }

    private static void Set(ServerOptions options, PropertyInfo property, string text, string where, List<string> problems)
    {
        object? value = property.PropertyType switch
        {
            var t when t == typeof(int) => int.TryParse(text, CultureInfo.InvariantCulture, out var number) ? number : null,
            var t when t == typeof(bool) =>
                text.ToLowerInvariant() switch
                {
                    "true" or "1" or "yes" or "on" or "" => true,
                    "false" or "0" or "no" or "off" => false,
                    _ => null
                },
            var t when t == typeof(string[]) => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries),
            _ => text,
        };
        if (value is null)
        {
            problems.Add($"{where} is '{text}'; it must be {(property.PropertyType == typeof(int) ? "a whole number" : "true or false")}.");
            return;
        }
        foreach (var rule in property.GetCustomAttributes<ValidationAttribute>().Where(rule => !rule.IsValid(value)))
        {
            problems.Add(rule is RangeAttribute range
                ? $"{where} is {text}; it must be within {range.Minimum}..{range.Maximum}."
                : $"{where} is {(IsSecret(property) ? "not valid" : $"'{text}'")}; " +
                    property.GetCustomAttribute<DescriptionAttribute>()!.Description);
            return;
        }
        property.SetValue(options, value);
    }

    private static void Check(ServerOptions options, List<string> problems)
    {
        if (!IPAddress.TryParse(options.Host, out _) && options.Host is not "localhost")
            problems.Add($"host is '{options.Host}'; it must be an IP address or localhost.");
        foreach (var address in options.WebrtcAddresses.Where(a =>
            Uri.CheckHostName(a) is UriHostNameType.Unknown or UriHostNameType.Basic))
            problems.Add($"webrtc_addresses has '{address}', which is neither an IP address nor a name.");
        foreach (var _ in options.ApiKeys.Where(k => k.Length < 16))
            problems.Add("api_keys has a key of fewer than 16 characters. 'openssl rand -hex 24' makes a good one.");
        foreach (var origin in options.Origins.Where(o =>
            !(Uri.TryCreate(o, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.PathAndQuery == "/")))
            problems.Add($"origins has '{origin}', which is not an origin such as https://studio.example.org.");
        foreach (var proxy in options.Proxies.Where(p => !IPAddress.TryParse(p, out _)))
            problems.Add($"proxies has '{proxy}', which is not an IP address.");
        foreach (var port in options.StreamPorts.Where(p => !(ushort.TryParse(p, out var number) && number > 0)))
            problems.Add($"stream_ports has '{port}', which is not a port within 1..65535.");
        foreach (var device in options.StreamDevices.Where(d => !StreamAddress.DeviceName().IsMatch(d)))
            problems.Add($"stream_devices has '{device}', which is not a video device such as /dev/video0.");
        if (options.StreamFolder.Length > 0 && !Directory.Exists(options.StreamFolder))
            problems.Add($"stream_folder is '{options.StreamFolder}', and there is no such folder.");
        if (options.ClipStore.Length > 0 && options.ClipDatabase.Length == 0)
            problems.Add("clip_store is set, so clip_database is needed: servers that share files share the queue as well.");
        if (options.ClipStore.Length > 0 && !Directory.Exists(options.ClipStore))
            problems.Add($"clip_store is '{options.ClipStore}', and there is no such folder. Make it, or mount it.");
        if (options.TlsCertificate is null != options.TlsKey is null)
            problems.Add("tls_certificate and tls_key go together: set both or neither.");
        if (options.WebhookHosts.Length > 0 && options.WebhookSecret.Length < 16)
            problems.Add("webhook_hosts is set, so webhook_secret is needed, with at least 16 characters. 'openssl rand -hex 24' makes " +
                "a good one.");
        if (!options.WebrtcUdp && !options.WebrtcTcp)
            problems.Add("webrtc_udp and webrtc_tcp are both off: leave at least one on.");
        if (options.Join.Length > 0 && options.JoinKey.Length == 0)
            problems.Add("join is set, so join_key is needed, in TRUELIVE_JOIN_KEY or a file. 'truelive fleet keys create NAME' makes " +
                "one at the front door.");
        if (options.Join.Length > 0 && options.PathPrefix.Length > 0)
            problems.Add("path_prefix goes with a reverse proxy, and a worker's requests come from its front door: leave it out.");
        if (!IPAddress.TryParse(options.SiloHost, out _))
            problems.Add($"silo_host is '{options.SiloHost}'; it must be an IP address.");
        if (IsLoopback(options.Host) || options.Insecure)
            return;
        if (options.TlsCertificate is null && !options.TlsSelfMade)
            problems.Add($"host is {options.Host}, which others can reach: set tls_certificate and tls_key, or tls_self_made, " +
                "or insecure.");
        if (options.ApiKeys.Length == 0 && options.Join.Length == 0 && !File.Exists(options.KeysPath))
            problems.Add($"host is {options.Host}, which others can reach: make a key with 'truelive keys create NAME', or set api_keys, " +
                "or insecure.");
    }

    internal static bool IsLoopback(string host) =>
        host == "localhost" || (IPAddress.TryParse(host, out var ip) && IPAddress.IsLoopback(ip));

    private static string Write(object? value) => value switch
    {
        null => "",
        bool b => b ? "true" : "false",
        string[] list => string.Join(',', list),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    // The password of a URL, with the colon before it.
    [GeneratedRegex("(?<=^[a-z]+://[^/@:]*):[^/@]+(?=@)")]
    private static partial Regex StorePassword();

    [GeneratedRegex("(?<=[a-z])([A-Z])")]
    private static partial Regex WordStart();
}
