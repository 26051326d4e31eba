using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Schema;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace TrueLive.Tests.Shared;

/// <summary>
/// The schemas of docs/schemas: generated from the serialised types, compared with the checked-in ones, and used to check real messages.
/// </summary>
internal static class JsonSchemas
{
    private static readonly JsonSerializerOptions Written = new()
    { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>A checked-in schema.</summary>
    public static JsonNode Read(string name) => JsonNode.Parse(File.ReadAllText(PathOf(name)))!;

    /// <summary>
    /// Fails if the current schema breaks a promise of the checked-in one, or has additions. With TRUELIVE_WRITE_SCHEMAS=1, additions are
    /// written to the file; a breaking change never is.
    /// </summary>
    public static void Hold(string name, JsonNode today)
    {
        var path = PathOf(name);
        var write = Environment.GetEnvironmentVariable("TRUELIVE_WRITE_SCHEMAS") == "1";
        if (write && !File.Exists(path))
            File.WriteAllText(path, today.ToJsonString(Written) + "\n");
        var promised = Read(name);
        var broken = SchemaComparison.Breaks(promised, today).ToList();
        Assert.True(broken.Count == 0, $"docs/schemas/{name} is broken for those who rely on it:\n{string.Join('\n', broken)}");
        if (write)
            File.WriteAllText(path, today.ToJsonString(Written) + "\n");
        Assert.True(write || JsonNode.DeepEquals(promised, today),
            $"docs/schemas/{name} lacks additions: run this test once with TRUELIVE_WRITE_SCHEMAS=1 and commit the file.");
    }

    /// <summary>A document of the schemas received and sent, by name.</summary>
    public static JsonObject Document(string id, JsonSerializerOptions options, IEnumerable<(string Name, Type Type)> received,
        IEnumerable<(string Name, Type Type)> sent)
    {
        JsonObject Group(string group, IEnumerable<(string Name, Type Type)> types) =>
            new(types.OrderBy(t => t.Name, StringComparer.Ordinal)
            .Select(t => KeyValuePair.Create(t.Name, (JsonNode?)Of(t.Type, options, $"#/$defs/{group}/{t.Name}", group == "sent"))));
        return new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["$id"] = id,
            ["$defs"] = new JsonObject { ["received"] = Group("received", received), ["sent"] = Group("sent", sent) },
        };
    }

    /// <summary>The schema of a type as it is read or written.</summary>
    /// <param name="type">The type.</param>
    /// <param name="options">How it is serialised.</param>
    /// <param name="place">JSON pointer to the schema's place in the document.</param>
    /// <param name="isSent">Whether it is written: fields that are never null are then always present.</param>
    public static JsonNode Of(Type type, JsonSerializerOptions options, string place, bool isSent)
    {
        // Numbers in strings are accepted, but neither sent nor promised.
        options = new JsonSerializerOptions(options)
        {
            NumberHandling = JsonNumberHandling.Strict,
            RespectNullableAnnotations = true,
            TypeInfoResolver = JsonTypeInfoResolver.Combine(options.TypeInfoResolver, new DefaultJsonTypeInfoResolver()),
        };
        var schema = options.GetJsonSchemaAsNode(type, new JsonSchemaExporterOptions
        {
            TreatNullObliviousAsNonNullable = true,
            TransformSchemaNode = (context, node) =>
            {
                if (context.TypeInfo.Kind != JsonTypeInfoKind.Object || node is not JsonObject here || !here.ContainsKey("properties"))
                    return node;
                // The exporter marks every constructor parameter as required, even if the reader does not require it.
                here.Remove("required");
                var required = context.TypeInfo.Properties.Where(p => isSent ? IsAlwaysThere(p) : p.IsRequired)
                    .Select(p => (JsonNode)p.Name).ToArray();
                if (required.Length > 0)
                    here["required"] = new JsonArray(required);
                return node;
            },
        });
        Rebase(schema, place);
        return schema;
    }

    /// <summary>The ways in which a value differs from its schema.</summary>
    public static IEnumerable<string> Faults(JsonNode root, JsonNode schema, JsonNode? value, string path = "")
    {
        if (schema is not JsonObject rules)
            yield break;
        if (rules["$ref"] is { } reference)
        {
            foreach (var fault in Faults(root, Resolve(root, (string)reference!), value, path))
                yield return fault;
            yield break;
        }
        if (rules["type"] is { } type && !Types(type).Any(t => Fits(t, value)))
            yield return $"{path} is {value?.GetValueKind().ToString() ?? "null"}, not {type.ToJsonString()}";
        if (rules["enum"] is JsonArray words && !words.Any(w => JsonNode.DeepEquals(w, value)))
            yield return $"{path} is {value?.ToJsonString()}, not one of {words.ToJsonString()}";
        if (rules["const"] is { } only && !JsonNode.DeepEquals(only, value))
            yield return $"{path} is {value?.ToJsonString()}, not {only.ToJsonString()}";
        var faults = value switch
        {
            JsonObject inside =>
                inside.SelectMany(p => rules["properties"]?[p.Key] is { } known ? Faults(root, known, p.Value, $"{path}/{p.Key}")
                : rules["additionalProperties"] is JsonObject any ? Faults(root, any, p.Value, $"{path}/{p.Key}")
                : rules.ContainsKey("properties") ? [$"{path}/{p.Key} is not in the schema"] : [])
                .Concat((rules["required"] as JsonArray ?? []).Where(r => !inside.ContainsKey((string)r!))
                    .Select(r => $"{path}/{r} is missing")),
            JsonArray items when rules["items"] is { } each => items.SelectMany((item, i) => Faults(root, each, item, $"{path}/{i}")),
            _ => [],
        };
        foreach (var fault in faults)
            yield return fault;
    }

    /// <summary>The node that a JSON pointer within a document refers to.</summary>
    public static JsonNode Resolve(JsonNode root, string pointer) =>
        pointer.TrimStart('#').Split('/', StringSplitOptions.RemoveEmptyEntries)
        .Aggregate(root, (node, part) => node is JsonArray array
            ? array[int.Parse(part)]!
            : node[part.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)]!);

    /// <summary>The words of a <c>type</c>, which may be one or several.</summary>
    public static IEnumerable<string> Types(JsonNode? type) =>
        type is JsonArray several ? several.Select(t => (string)t!) : type is null ? [] : [(string)type!];

    private static bool IsAlwaysThere(JsonPropertyInfo property) =>
        property is { Get: not null, IsGetNullable: false, IsExtensionData: false }
            && Nullable.GetUnderlyingType(property.PropertyType) is null;

    // A reference within a schema is relative to its own root, which is moved to a place in the document.
    private static void Rebase(JsonNode? node, string place)
    {
        if (node is JsonObject fields)
        {
            if (fields["$ref"] is JsonValue reference)
                fields["$ref"] = place + ((string)reference!)[1..];
            foreach (var (_, inside) in fields.ToList())
                Rebase(inside, place);
        }
        else if (node is JsonArray items)
        {
            foreach (var item in items)
                Rebase(item, place);
        }
    }

    private static bool Fits(string type, JsonNode? value) => type switch
    {
        "null" => value is null,
        "integer" => value?.GetValueKind() == JsonValueKind.Number && !value.ToJsonString().AsSpan().ContainsAny('.', 'e', 'E'),
        "number" => value?.GetValueKind() == JsonValueKind.Number,
        "string" => value?.GetValueKind() == JsonValueKind.String,
        "boolean" => value?.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
        "array" => value is JsonArray,
        "object" => value is JsonObject,
        _ => throw new NotSupportedException(type),
    };

    private static string PathOf(string name)
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "TrueLive.slnx")))
            folder = folder.Parent!;
        return Path.Combine(folder.FullName, "docs", "schemas", name);
    }
}
