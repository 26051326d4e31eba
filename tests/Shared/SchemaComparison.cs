using System.Text.Json.Nodes;

namespace TrueLive.Tests.Shared;

/// <summary>Whether one version of a schema document keeps the promises of another.</summary>
internal static class SchemaComparison
{
    /// <summary>
    /// The changes that break a program written for the older version. Documents have <c>$defs/received</c> and <c>$defs/sent</c>, schemas
    /// by name, and may have <c>paths</c>: what a server accepts may only become wider, and what it sends only narrower.
    /// </summary>
    public static IEnumerable<string> Breaks(JsonNode older, JsonNode newer)
    {
        foreach (var sent in new[] { false, true })
        {
            var group = sent ? "sent" : "received";
            foreach (var (name, schema) in older["$defs"]?[group]?.AsObject() ?? [])
            {
                if (newer["$defs"]?[group]?[name] is not { } now)
                    yield return $"{group} {name} is gone";
                else
                {
                    foreach (var broken in Schema(older, schema!, newer, now, sent, $"{group} {name}"))
                        yield return broken;
                }
            }
        }
        foreach (var (path, answers) in older["paths"]?.AsObject() ?? [])
        {
            if (newer["paths"]?[path] is not { } now)
                yield return $"{path} is gone";
            else
            {
                foreach (var (what, type) in answers!.AsObject().Where(a => !JsonNode.DeepEquals(a.Value, now[a.Key])))
                    yield return $"{path}: {what} was {type} and is {now[what]?.ToJsonString() ?? "gone"}";
            }
        }
    }

    private static IEnumerable<string> Schema(JsonNode oldRoot, JsonNode older, JsonNode newRoot, JsonNode newer, bool sent, string at)
    {
        (older, newer) = (Target(oldRoot, older), Target(newRoot, newer));
        if (older is not JsonObject was || newer is not JsonObject now)
            yield break;
        var (oldTypes, newTypes) = (JsonSchemas.Types(was["type"]).ToHashSet(), JsonSchemas.Types(now["type"]).ToHashSet());
        // A whole number may be sent where a number was promised.
        if (sent && oldTypes.Contains("number"))
            oldTypes.Add("integer");
        if (!sent && newTypes.Contains("number"))
            newTypes.Add("integer");
        if (oldTypes.Count > 0 && newTypes.Count > 0 && !(sent ? newTypes.IsSubsetOf(oldTypes) : oldTypes.IsSubsetOf(newTypes)))
            yield return $"{at} was {was["type"]!.ToJsonString()} and is {now["type"]!.ToJsonString()}";
        var (needed, needs) = (Names(was["required"]), Names(now["required"]));
        foreach (var name in sent ? needed.Except(needs) : needs.Except(needed))
            yield return sent ? $"{at}/{name} was always there and may now be missing" : $"{at}/{name} must now be given";
        var (words, wordsNow) = (Names(was["enum"]), Names(now["enum"]));
        if (sent
            ? words.Count > 0 && (wordsNow.Count == 0 || wordsNow.Except(words).Any())
            : wordsNow.Count > 0 && (words.Count == 0 || words.Except(wordsNow).Any()))
            yield return $"{at} was one of [{string.Join(", ", words)}] and is one of [{string.Join(", ", wordsNow)}]";
        foreach (var (name, schema) in was["properties"]?.AsObject() ?? [])
        {
            if (now["properties"]?[name] is not { } inside)
                yield return $"{at}/{name} is gone";
            else
            {
                foreach (var broken in Schema(oldRoot, schema!, newRoot, inside, sent, $"{at}/{name}"))
                    yield return broken;
            }
        }
        foreach (var each in new[] { "items", "additionalProperties" })
        {
            if (was[each] is { } one && now[each] is { } other)
            {
                foreach (var broken in Schema(oldRoot, one, newRoot, other, sent, $"{at}/*"))
                    yield return broken;
            }
        }
    }

    private static JsonNode Target(JsonNode root, JsonNode schema) => schema is JsonObject rules && rules["$ref"] is { } reference
        ? Target(root, JsonSchemas.Resolve(root, (string)reference!)) : schema;

    private static List<string> Names(JsonNode? list) => [.. (list as JsonArray ?? []).Select(n => n?.ToString() ?? "null")];
}
