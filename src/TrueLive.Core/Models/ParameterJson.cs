using System.Text.Json;

namespace TrueLive.Core.Models;

/// <summary>Values of parameters as clients write them in JSON: <c>{"seed": 7, "guidance": "full"}</c>.</summary>
public static class ParameterJson
{
    // No kind of parameter takes a line break, so the client is told the rule of the parameter.
    private const string NoValue = "\n";

    /// <summary>
    /// The values as text for <see cref="ParameterValues.TrySet"/>, which checks them and refuses null, arrays and objects; null when there
    /// are none.
    /// </summary>
    public static IReadOnlyCollection<KeyValuePair<string, string>>? Texts(IReadOnlyDictionary<string, JsonElement>? values) =>
        values is null ? null : [.. values.Select(v => KeyValuePair.Create(v.Key, Text(v.Value)))];

    private static string Text(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => value.GetString()!,
        JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False => value.GetRawText(),
        _ => NoValue,
    };
}
