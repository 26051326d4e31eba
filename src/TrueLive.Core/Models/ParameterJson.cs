using System.Text.Json;

namespace TrueLive.Core.Models;

/// <summary>Values of parameters as clients write them in JSON: <c>{"seed": 7, "guidance": "full"}</c>.</summary>
public static class ParameterJson
{
    /// <summary>The values as text for <see cref="ParameterValues.TrySet"/>, which checks them; null when there are none.</summary>
    public static IReadOnlyCollection<KeyValuePair<string, string>>? Texts(IReadOnlyDictionary<string, JsonElement>? values) => values is null ? null
        : [.. values.Select(v => KeyValuePair.Create(v.Key, v.Value.ValueKind == JsonValueKind.String ? v.Value.GetString()! : v.Value.GetRawText()))];
}
