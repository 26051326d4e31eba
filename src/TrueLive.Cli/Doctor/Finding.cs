using System.Text.Json.Serialization;

namespace TrueLive.Cli.Doctor;

/// <summary>The state of one part of the machine or the settings.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FindingState>))]
internal enum FindingState
{
    /// <summary>Nothing to do.</summary>
    [JsonStringEnumMemberName("right")]
    Right,

    /// <summary>Works, with a limitation worth knowing.</summary>
    [JsonStringEnumMemberName("note")]
    Note,

    /// <summary>Does not work until it is fixed.</summary>
    [JsonStringEnumMemberName("wrong")]
    Wrong,
}

/// <summary>One finding of <c>truelive doctor</c>.</summary>
/// <param name="Part">What was checked, in a word.</param>
/// <param name="State">Its state.</param>
/// <param name="Says">What was found, with figures.</param>
/// <param name="Mend">What to do about it; null if nothing.</param>
internal sealed record Finding(string Part, FindingState State, string Says, string? Mend = null)
{
    public static Finding Right(string part, string says) => new(part, FindingState.Right, says);

    public static Finding Note(string part, string says, string? mend = null) => new(part, FindingState.Note, says, mend);

    public static Finding Wrong(string part, string says, string mend) => new(part, FindingState.Wrong, says, mend);
}
