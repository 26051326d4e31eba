using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using TrueLive.Core.Models;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers.Link;

/// <summary>
/// A control message of a worker: <c>hello</c>, <c>loading</c>, <c>ready</c>, <c>opened</c>, <c>done</c>, <c>failed</c>, <c>pong</c>.
/// </summary>
internal sealed record FromWorker
{
    public string Type { get; init; } = "";

    public string? Token { get; init; }

    public int Protocol { get; init; }

    public string? What { get; init; }

    public ReadyMessage? Ready { get; init; }

    public uint Session { get; init; }

    public long Step { get; init; }

    /// <summary>What failed: <c>load</c>, <c>session</c> or <c>step</c>; null in other messages.</summary>
    public string? Scope { get; init; }

    public string? Reason { get; init; }

    /// <summary>Details of the reason, on several lines.</summary>
    public string? Detail { get; init; }

    /// <summary>Reads a message.</summary>
    /// <exception cref="WorkerException">The message is not a JSON object of this shape.</exception>
    public static FromWorker Read(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, ControlJson.Default.FromWorker)
                ?? throw new WorkerException("It sent null for a control message.");
        }
        catch (JsonException e)
        {
            throw new WorkerException("It sent a control message that cannot be read, at " +
                $"{(e.Path is { Length: > 2 } at ? at[2..] : "its beginning")}.", e);
        }
    }
}

/// <summary>A worker's description of its model.</summary>
/// <param name="Format">Format of pictures in memory: <c>rgb8</c> or <c>i420</c>.</param>
/// <param name="Takes">Input frames of a chunk.</param>
/// <param name="Gives">Output frames of a chunk.</param>
/// <param name="Lag">Frames by which the output lags behind the input.</param>
/// <param name="Memory">Whether a step depends on earlier ones.</param>
/// <param name="Prompt">Whether the model takes a prompt.</param>
internal sealed record ReadyMessage(
    string Format = "rgb8", int Takes = 1, int Gives = 1, int Lag = 0, bool Memory = false, bool Prompt = true);

/// <summary>A control message to a worker; fields that do not belong to its type are left out.</summary>
internal sealed record ToWorker(string Type)
{
    public string? Folder { get; init; }

    public uint? Session { get; init; }

    public int? Width { get; init; }

    public int? Height { get; init; }

    public int? Slots { get; init; }

    public long? Stride { get; init; }

    public long? Revision { get; init; }

    public string? Text { get; init; }

    public float? Strength { get; init; }

    public JsonObject? Values { get; init; }

    /// <summary>The value of each parameter: a number, <c>true</c> or <c>false</c>, or a text. Null for a model without any.</summary>
    public static JsonObject? ValuesOf(IReadOnlyList<ModelParameter> declared, ParameterValues set) => declared.Count == 0 ? null
        : new JsonObject(declared.Select(p => KeyValuePair.Create<string, JsonNode?>(p.Id,
            ValueOf(p.Kind, set.Text(p.Id) ?? p.Default ?? ""))));

    private static JsonValue? ValueOf(ParameterKind kind, string text) => kind switch
    {
        ParameterKind.Number => JsonValue.Create(double.Parse(text, CultureInfo.InvariantCulture)),
        ParameterKind.Flag => JsonValue.Create(text == "true"),
        _ => JsonValue.Create(text),
    };

    public byte[] Bytes() => JsonSerializer.SerializeToUtf8Bytes(this, ControlJson.Default.ToWorker);
}

// Unknown fields are ignored, so that a newer Python package may send more.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true, MaxDepth = 8)]
[JsonSerializable(typeof(FromWorker))]
[JsonSerializable(typeof(ToWorker))]
internal sealed partial class ControlJson : JsonSerializerContext;
