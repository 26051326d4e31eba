using System.Text.Json.Serialization;

namespace TrueLive.Server.Usage;

/// <summary>What is counted.</summary>
internal static class UsageKind
{
    public const string Live = "live";

    public const string Clip = "clip";
}

/// <summary>Names a row: its counts only grow.</summary>
internal readonly record struct UsageId(DateOnly Day, string Source, string Owner, string Kind, string Model);

/// <summary>
/// What one owner has used of one model on one day, as one run of a process counted it. A row always holds all of that and never a
/// difference, so that it may be sent, written and read any number of times: of two rows with the same <see cref="Id"/> the greater one
/// is the later one.
/// </summary>
/// <param name="Day">In UTC.</param>
/// <param name="Source">Who counted: a run of a server, in a fleet behind the name of its worker.</param>
/// <param name="Owner">Whose it is, as <see cref="Access.KnownKey.Owner"/>.</param>
/// <param name="Key">Name of that key when it was counted; empty where it is not known.</param>
/// <param name="Kind">One of <see cref="UsageKind"/>.</param>
/// <param name="Model">Id of the model.</param>
/// <param name="Sessions">Live sessions that made a picture; clips that were finished.</param>
/// <param name="Seconds">Seconds in which live sessions were live; length of the clips.</param>
/// <param name="Frames">Pictures that the model made.</param>
/// <param name="Bytes">Coded pictures that were sent; size of the clips.</param>
internal sealed record UsageRow(
    DateOnly Day, string Source, string Owner, string Key, string Kind, string Model, long Sessions, double Seconds, long Frames,
    long Bytes)
{
    private const int MaxName = 128;

    [JsonIgnore]
    public UsageId Id => new(Day, Source, Owner, Kind, Model);

    /// <summary>Whether an honest process may have counted this.</summary>
    [JsonIgnore]
    public bool IsSound => IsName(Source) && IsName(Owner) && Kind is UsageKind.Live or UsageKind.Clip && IsName(Model)
        && Key is { Length: <= MaxName } && !Key.Any(char.IsControl) && Sessions is >= 0 and < long.MaxValue / 2
        && Seconds is >= 0 and < 1e12 && Frames is >= 0 and < long.MaxValue / 2 && Bytes is >= 0 and < long.MaxValue / 2;

    /// <summary>The later one of two rows with the same <see cref="Id"/>.</summary>
    public static UsageRow Later(UsageRow a, UsageRow b) => a with
    {
        Key = a.Key.Length > 0 ? a.Key : b.Key,
        Sessions = Math.Max(a.Sessions, b.Sessions),
        Seconds = Math.Max(a.Seconds, b.Seconds),
        Frames = Math.Max(a.Frames, b.Frames),
        Bytes = Math.Max(a.Bytes, b.Bytes),
    };

    private static bool IsName(string text) => text is { Length: > 0 and <= MaxName } && !text.Any(char.IsControl);
}

/// <summary>A file of rows.</summary>
/// <param name="Schema">Names the format. A file with another one is left alone.</param>
/// <param name="Rows">The rows.</param>
internal sealed record UsageFile(string Schema, IReadOnlyList<UsageRow> Rows)
{
    public const string Current = "truelive-usage/1";
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true, MaxDepth = 8)]
[JsonSerializable(typeof(UsageFile))]
[JsonSerializable(typeof(UsageRow))]
internal sealed partial class UsageJson : JsonSerializerContext;
