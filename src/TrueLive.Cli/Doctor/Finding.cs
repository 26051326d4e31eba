using System.Text.Json.Serialization;

namespace TrueLive.Cli.Doctor;

/// <summary>The state of a part of the machine or the settings.</summary>
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

/// <summary>One line of what <c>truelive doctor</c> found.</summary>
/// <param name="Part">What was looked at, in a word.</param>
/// <param name="State">Its state.</param>
/// <param name="Says">What was found, with figures.</param>
/// <param name="Mend">What to do; null when there is nothing.</param>
internal sealed record Finding(string Part, FindingState State, string Says, string? Mend = null)
{
    public static Finding Right(string part, string says) => new(part, FindingState.Right, says);

    public static Finding Note(string part, string says, string? mend = null) => new(part, FindingState.Note, says, mend);

    public static Finding Wrong(string part, string says, string mend) => new(part, FindingState.Wrong, says, mend);
}
