using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace TrueLive.Tests.Shared;

/// <summary>
/// Checks what servers send in all tests against the checked-in schemas: each JSON answer over HTTP, and each message of the two protocols.
/// </summary>
internal static partial class Published
{
    public const string Control = "control-protocol.json";
    public const string Interactive = "interactive-protocol.json";
    public const string Api = "http-api.json";

    private static readonly Dictionary<string, Lazy<JsonNode>> Documents =
        new[] { Control, Interactive, Api }.ToDictionary(name => name, name => new Lazy<JsonNode>(() => JsonSchemas.Read(name)));

    /// <summary>A message that the server sent.</summary>
    public static void CheckMessage(string protocol, JsonNode message)
    {
        var document = Documents[protocol].Value;
        var type = (string?)message["type"] ?? throw new InvalidOperationException($"A message without a type: {message.ToJsonString()}");
        var schema = document["$defs"]!["sent"]![type]
            ?? throw new InvalidOperationException($"docs/schemas/{protocol} has no message '{type}'.");
        None(JsonSchemas.Faults(document, schema, message), message);
    }

    /// <summary>Forwards requests, and checks the JSON that comes back.</summary>
    public sealed partial class Handler(HttpMessageHandler inner) : DelegatingHandler(inner)
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel)
        {
            var response = await base.SendAsync(request, cancel);
            if (request.Method == HttpMethod.Head || response.Content.Headers.ContentType?.MediaType
                is not ("application/json" or "application/problem+json"))
                return response;
            await response.Content.LoadIntoBufferAsync(cancel);
            var document = Documents[Api].Value;
            var answered = $"{request.Method} {request.RequestUri!.AbsolutePath}";
            var name = response.Content.Headers.ContentType.MediaType == "application/problem+json" ? "ProblemDetails"
                : (string?)document["paths"]!.AsObject().FirstOrDefault(p => Place()
                    .Replace(Regex.Escape(p.Key).Replace("\\{", "{", StringComparison.Ordinal), "[^/]+") is var route
                    && Regex.IsMatch(answered, $"^{route}/?$")).Value?[((int)response.StatusCode).ToString()];
            if (name is not null)
            {
                var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancel));
                None(JsonSchemas.Faults(document, document["$defs"]!["sent"]![name]!, body), body);
            }
            return response;
        }

        [GeneratedRegex(@"\{[^}]+\}")]
        private static partial Regex Place();
    }

    private static void None(IEnumerable<string> faults, JsonNode? message)
    {
        var all = faults.ToList();
        Assert.True(all.Count == 0, $"{string.Join('\n', all)}\n{message?.ToJsonString()}");
    }
}
