using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace TrueLive.Probe.Clips;

/// <summary>A description of a clip service that cannot be used: where and why.</summary>
public sealed class ClipApiException(string file, long line, string key, string message)
    : FormatException($"{file}:{line}: {key}: {message}");

/// <summary>One HTTP request with <c>${...}</c> placeholders.</summary>
/// <param name="Method">HTTP method.</param>
/// <param name="Url">Address.</param>
/// <param name="Headers">Headers.</param>
/// <param name="Body">JSON body; null for none.</param>
public sealed record RequestTemplate(string Method, string Url, IReadOnlyDictionary<string, string> Headers, string? Body);

/// <summary>
/// How to call a clip service: submit a job, poll it, download the result. Placeholders in <c>${}</c>: <c>prompt</c>, <c>image</c> (a PNG
/// as a data URI), <c>image_base64</c>, <c>job</c> (its name from the answer to submit), <c>env:NAME</c>.
/// </summary>
public sealed record ClipApi
{
    /// <summary>Schema that a file names.</summary>
    public const string Schema = "live-ai-video-clips/1";

    private const int MaxCharacters = 256 * 1024;

    // Deeper than the body of any real request.
    private const int MaxDepth = 32;

    /// <summary>Name of the service in the report.</summary>
    public required string Name { get; init; }

    /// <summary>Starts a job.</summary>
    public required RequestTemplate Submit { get; init; }

    /// <summary>JSON pointer to the job's name in the answer to <see cref="Submit"/>; null when the answer is the result.</summary>
    public string? Job { get; init; }

    /// <summary>Asks for the state of the job; null when submit answers with the result.</summary>
    public RequestTemplate? Poll { get; init; }

    /// <summary>Seconds between polls.</summary>
    public double Every { get; init; } = 1;

    /// <summary>JSON pointer to the state.</summary>
    public string State { get; init; } = "/status";

    /// <summary>States that mean done.</summary>
    public IReadOnlyList<string> Done { get; init; } = ["succeeded", "completed"];

    /// <summary>States that mean failed.</summary>
    public IReadOnlyList<string> Failed { get; init; } = ["failed", "canceled"];

    /// <summary>JSON pointer to the clip's address in the last answer; null when <see cref="Download"/> names it.</summary>
    public string? Result { get; init; }

    /// <summary>Request for the clip; null when <see cref="Result"/> names its address.</summary>
    public RequestTemplate? Download { get; init; }

    /// <summary>Longest time for one job, seconds.</summary>
    public double Seconds { get; init; } = 300;

    /// <summary>Largest clip, megabytes.</summary>
    public double Megabytes { get; init; } = 200;

    /// <summary>Whether the service takes a picture as input.</summary>
    public bool TakesPicture => Submit.Body?.Contains("${image", StringComparison.Ordinal) ?? false;

    /// <summary>Reads a description.</summary>
    /// <exception cref="ClipApiException">It cannot be used; the message names file, line, key and what is allowed.</exception>
    public static ClipApi Read(string file, string text)
    {
        if (text.Length > MaxCharacters)
            throw new ClipApiException(file, 1, "(file)", "larger than 256 KiB");
        var stream = new YamlStream();
        try
        {
            var parser = new Parser(new StringReader(text));
            for (var depth = 0; parser.MoveNext();)
            {
                // The loader recurses without limit, and aliases can grow without limit, too.
                depth += parser.Current!.NestingIncrease;
                if (depth > MaxDepth || parser.Current is AnchorAlias)
                    throw new ClipApiException(file, parser.Current.Start.Line, "(syntax)",
                        $"aliases, and nesting deeper than {MaxDepth}, are not taken");
            }
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ClipApiException(file, e.Start.Line, "(syntax)", e.InnerException?.Message ?? e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // YamlDotNet's scanner throws these on some malformed texts.
            throw new ClipApiException(file, 1, "(syntax)", "not readable as YAML");
        }
        if (stream.Documents.Count != 1 || stream.Documents[0].RootNode is not YamlMappingNode root)
            throw new ClipApiException(file, 1, "(file)", "must hold one mapping with the keys schema, name, submit and more");
        var map = new Section(file, root, ["schema", "name", "submit", "job", "poll", "result", "download", "limits"]);
        if (map.Text("schema") is var schema && schema != Schema)
            throw map.Wrong("schema", $"'{schema}' is not known; allowed: {Schema}");
        var submit = map.Inner("submit", ["method", "url", "headers", "json"]) ?? throw map.Wrong("submit", "is missing");
        var poll = map.Inner("poll", ["method", "url", "headers", "every", "state", "done", "failed"]);
        var download = map.Inner("download", ["method", "url", "headers"]);
        var limits = map.Inner("limits", ["seconds", "megabytes"]);
        var service = new ClipApi
        {
            Name = map.Text("name"),
            Submit = submit.Request("POST"),
            Job = map.Pointer("job"),
            Poll = poll?.Request("GET"),
            Every = poll?.Number("every", 0.1, 60) ?? 1,
            State = poll?.Pointer("state") ?? "/status",
            Done = poll?.List("done") ?? ["succeeded", "completed"],
            Failed = poll?.List("failed") ?? ["failed", "canceled"],
            Result = map.Pointer("result"),
            Download = download?.Request("GET"),
            Seconds = limits?.Number("seconds", 1, 3600) ?? 300,
            Megabytes = limits?.Number("megabytes", 0.1, 2000) ?? 200,
        };
        if (service.Result is null == service.Download is null)
            throw map.Wrong("result", "give either result (a pointer such as /output/url) or download (an address)");
        if (service.Poll is not null && service.Job is null)
            throw map.Wrong("job", "is missing: a pointer to the job's name in the answer to submit, such as /id");
        return service;
    }

    private sealed class Section(string file, YamlMappingNode map, string[] allowed)
    {
        private readonly YamlMappingNode _map = Checked(file, map, allowed);

        public ClipApiException Wrong(string key, string message) =>
            new(file, _map.Children.TryGetValue(key, out var node) ? node.Start.Line : _map.Start.Line, key, message);

        public string Text(string key) => Optional(key) ?? throw Wrong(key, "is missing");

        public string? Optional(string key) => !_map.Children.TryGetValue(key, out var node) ? null
            : node is YamlScalarNode { Value: { Length: > 0 and < 20_000 } text } ? text : throw Wrong(key, "must be a text");

        public string? Pointer(string key) => Optional(key) is not { } text ? null
            : text.StartsWith('/') ? text : throw Wrong(key, $"'{text}' is not a JSON pointer; write /status or /output/0/url");

        public double? Number(string key, double least, double most) => Optional(key) is not { } text ? null
            : double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
                ? value
            : throw Wrong(key, FormattableString.Invariant($"must be a number from {least} to {most}"));

        public IReadOnlyList<string>? List(string key) => !_map.Children.TryGetValue(key, out var node) ? null
            : node is YamlSequenceNode { Children: { Count: > 0 and < 50 } items } && items.All(i => i is YamlScalarNode)
                ? [.. items.Select(i => ((YamlScalarNode)i).Value ?? "")]
            : throw Wrong(key, "must be a list of texts");

        public Section? Inner(string key, string[] keys) => !_map.Children.TryGetValue(key, out var node) ? null
            : node is YamlMappingNode inner ? new Section(file, inner, keys) : throw Wrong(key, "must be a mapping");

        public RequestTemplate Request(string method)
        {
            var url = Text("url");
            if (!Regex.IsMatch(url, "^(https?://|\\$\\{)"))
                throw Wrong("url", "must begin with http:// or https://");
            var headers = new Dictionary<string, string>();
            if (_map.Children.TryGetValue("headers", out var node))
            {
                foreach (var (name, value) in node is YamlMappingNode h ? h.Children : throw Wrong("headers", "must be a mapping"))
                    headers[(name as YamlScalarNode)?.Value ?? throw Wrong("headers",
                        "names must be texts")] = (value as YamlScalarNode)?.Value ?? throw Wrong("headers", "values must be texts");
            }
            var name0 = Optional("method") ?? method;
            if (name0 is not ("GET" or "POST" or "PUT" or "PATCH"))
                throw Wrong("method", $"'{name0}' is not known; allowed: GET, POST, PUT, PATCH");
            return new RequestTemplate(name0, url, headers, _map.Children.TryGetValue("json", out var json) ? Json(json) : null);
        }

        private static string Json(YamlNode node) => node switch
        {
            YamlMappingNode map =>
                "{" + string.Join(",", map.Children.Select(c => Quote(((c.Key as YamlScalarNode)?.Value) ?? "") + ":" + Json(c.Value)))
                + "}",
            YamlSequenceNode list => "[" + string.Join(",", list.Children.Select(Json)) + "]",
            YamlScalarNode { Style: ScalarStyle.Plain, Value: { } plain }
                when Regex.IsMatch(plain, "^(true|false|null|-?(0|[1-9][0-9]*)(\\.[0-9]+)?)\\z") => plain,
            YamlScalarNode scalar => Quote(scalar.Value ?? ""),
            _ => "null",
        };

        private static string Quote(string text) => System.Text.Json.JsonSerializer.Serialize(text);

        private static YamlMappingNode Checked(string file, YamlMappingNode map, string[] allowed)
        {
            foreach (var key in map.Children.Keys)
            {
                if (key is not YamlScalarNode { Value: { } name } || !allowed.Contains(name))
                    throw new ClipApiException(file, key.Start.Line, (key as YamlScalarNode)?.Value ?? "?",
                        $"is not known here; allowed: {string.Join(", ", allowed)}");
            }
            return map;
        }
    }
}
