using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Http;
using TrueLive.Server.Interactive;
using TrueLive.Server.Live.Control;

namespace TrueLive.Server.Tests.Http;

/// <summary>
/// The interfaces that clients rely on do not break unnoticed: compares the schemas of docs/schemas with the serialised types.
/// </summary>
public sealed class SchemaTests
{
    [Fact]
    public void The_control_protocol_keeps_its_promises() => JsonSchemas.Hold(Published.Control, JsonSchemas.Document(
        "truelive-control/1", ControlJson.Default.Options, [("message", typeof(ClientMessage))],
        [
            ("session", typeof(SessionMessage)), ("accepted", typeof(AcceptedMessage)), ("applied", typeof(AppliedMessage)),
            ("rejected", typeof(RejectedMessage)),
            ("error", typeof(ErrorMessage)), ("state", typeof(StateMessage)), ("forgot", typeof(ForgotMessage)),
            ("input", typeof(InputMessage)), ("warming", typeof(WarmingMessage)),
            ("pong", typeof(Server.Live.Control.PongMessage)), ("stats", typeof(StatsMessage)), ("frame", typeof(FrameTrace)),
        ]));

    [Fact]
    public void The_protocol_of_interactive_clips_keeps_its_promises() => JsonSchemas.Hold(Published.Interactive, JsonSchemas.Document(
        "truelive-interactive/1", InteractiveJson.Default.Options, [("message", typeof(InteractiveCommand))],
        [
            ("hello", typeof(InteractiveView)), ("revision", typeof(RevisionMessage)), ("selected", typeof(SelectedMessage)),
            ("compared", typeof(ComparedMessage)),
            ("exported", typeof(ExportedMessage)), ("error", typeof(RefusedMessage)), ("pong", typeof(Server.Interactive.PongMessage)),
        ]));

    [Fact]
    public async Task The_HTTP_API_keeps_its_promises()
    {
        await using var app = TrueLiveServer.Build(new ServerOptions { Port = 0, WebrtcPort = 0 },
            new ModelStore([new PassthroughModel()]));
        var endpoints = ((IEndpointRouteBuilder)app).DataSources.SelectMany(s => s.Endpoints).OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText is { } route && (route.StartsWith("/v1/", StringComparison.Ordinal) || route is "/readyz"))
            .ToList();
        var paths = endpoints.SelectMany(e => (e.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? [])
            .Select(m => (Path: $"{m} {e.RoutePattern.RawText!.TrimEnd('/')}", Endpoint: e)))
            .OrderBy(p => p.Path, StringComparer.Ordinal).ToList();
        var (received, sent) = (new Dictionary<string, Type>(), new Dictionary<string, Type>());
        string? Of(Type? type, Dictionary<string, Type> types) => type is not null && type != typeof(void)
            && ApiJson.Default.GetTypeInfo(type) is not null && types.TryAdd(type.Name, type) | true ? type.Name : null;
        var document = new JsonObject();
        foreach (var (path, endpoint) in paths)
        {
            var answers = new JsonObject();
            if (Of(endpoint.Metadata.GetMetadata<IAcceptsMetadata>()?.RequestType, received) is { } body)
                answers["body"] = body;
            foreach (var answer in endpoint.Metadata.GetOrderedMetadata<IProducesResponseTypeMetadata>()
                .Where(a => a.Type != typeof(ProblemDetails)).DistinctBy(a => a.StatusCode))
            {
                if (Of(answer.Type, sent) is { } type)
                    answers[answer.StatusCode.ToString()] = type;
            }
            document[path] = answers;
        }
        sent.Add(nameof(ProblemDetails), typeof(ProblemDetails));
        sent.Add(nameof(LineView), typeof(LineView));
        var today = JsonSchemas.Document("truelive-api/1", ApiJson.Default.Options, received.Select(t => (t.Key, t.Value)),
            sent.Select(t => (t.Key, t.Value)));
        // A refusal adds fields of its own (RFC 9457 section 3.2).
        today["$defs"]!["sent"]![nameof(ProblemDetails)]!["additionalProperties"] = new JsonObject();
        today["paths"] = document;
        JsonSchemas.Hold(Published.Api, today);
    }

    [Fact]
    public void A_change_that_breaks_a_program_is_told_from_one_that_does_not()
    {
        const string Older =
            """{ "$defs": { "received": { "a": { "type": "object", "properties": { "x": { "type": "number" } } } }, "sent": { "b": { "type": "object", "properties": { "y": { "type": ["number", "null"] } }, "required": ["y"] } } }, "paths": { "GET /z": { "200": "b" } } }""";
        string[] Broken(params (string From, string To)[] changes) =>
            [.. SchemaComparison.Breaks(JsonNode.Parse(Older)!,
                JsonNode.Parse(changes.Aggregate(Older, (text, c) => text.Replace(c.From, c.To, StringComparison.Ordinal)))!)];
        Assert.Empty(Broken());
        Assert.Empty(Broken(("\"x\": {", "\"more\": { \"type\": \"string\" }, \"x\": {"),
            ("\"y\": {", "\"more\": { \"type\": \"string\" }, \"y\": {")));
        Assert.Empty(Broken(("\"type\": \"number\"", "\"type\": [\"number\", \"string\"]"), ("[\"number\", \"null\"]", "\"integer\"")));
        Assert.Equal(["received a/x is gone", "sent b/y is gone"], Broken(("\"x\"", "\"new\""), ("\"y\": {", "\"new\": {")));
        Assert.Equal(["received a/x was \"number\" and is \"integer\""], Broken(("{ \"type\": \"number\" }", "{ \"type\": \"integer\" }")));
        Assert.Equal(["sent b/y was [\"number\",\"null\"] and is \"string\""], Broken(("[\"number\", \"null\"]", "\"string\"")));
        Assert.Equal(["sent b/y was always there and may now be missing"], Broken((", \"required\": [\"y\"]", "")));
        Assert.Equal(["received a/x must now be given"], Broken(("\"number\" } }", "\"number\" } }, \"required\": [\"x\"]")));
        Assert.Equal(["GET /z is gone"], Broken(("GET /z", "GET /other")));
        Assert.Equal(["GET /z: 200 was b and is \"c\""], Broken(("\"200\": \"b\"", "\"200\": \"c\"")));
    }

    [Fact]
    public void Every_message_of_the_control_protocol_has_a_schema()
    {
        var sent = JsonSchemas.Read(Published.Control)["$defs"]!["sent"]!.AsObject();
        foreach (var type in typeof(ClientMessage).Assembly.GetTypes()
            .Where(t => t.Namespace == typeof(ClientMessage).Namespace && t != typeof(ClientMessage)
            && t.Name.EndsWith("Message", StringComparison.Ordinal)))
            Assert.True(sent.ContainsKey(type.Name[..^"Message".Length].ToLowerInvariant()), type.Name);
    }

    // The product writes this message without a type, since one is sent with every picture.
    private sealed record FrameTrace(
        long Output, long Source, uint MediaTime, uint OutputMediaTime, long Revision, int Epoch, string? Model, string? ModelVersion,
        string Origin,
        double ArrivedMs, double DecodeMs, double WaitMs, double? HeldMs, double StepMs, double EncodeMs,
        MaskTrace? Mask, PaletteTrace? Palette)
    {
        public string Type { get; } = "frame";
    }

    private sealed record PaletteTrace(string Picture, double Strength, double Ms);

    private sealed record MaskTrace(string On, string Rest, double Person, double Ms);
}
