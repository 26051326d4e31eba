using System.CommandLine;
using TrueLive.Server.Access;

namespace TrueLive.Cli;

/// <summary>The options that say how much a key may use.</summary>
internal sealed class QuotaOptions
{
    private readonly Option<int?> _sessions = new("--sessions") { Description = "Live sessions that it may have at a time; 0 sets no limit." };

    private readonly Option<double?> _minutes = new("--minutes")
    { Description = "Minutes of live sessions and clips that it may use in a calendar month of UTC; 0 sets no limit." };

    public void AddTo(Command command)
    {
        command.Options.Add(_sessions);
        command.Options.Add(_minutes);
    }

    /// <summary>The quota that was given, with what was not from the one before; null where none was.</summary>
    public KeyQuota? Read(ParseResult parsed, KeyQuota? before)
    {
        var (sessions, minutes) = (parsed.GetValue(_sessions), parsed.GetValue(_minutes));
        if (sessions is null && minutes is null)
            return null;
        return sessions is null or (>= 0 and <= 1_000_000) && minutes is null or (>= 0 and <= 1e9)
            ? new KeyQuota(sessions ?? before?.Sessions, minutes ?? before?.MinutesAMonth)
            : throw new ArgumentException("--sessions must be within 0..1000000 and --minutes within 0..1000000000; 0 sets no limit.");
    }

    /// <summary>For a list of keys; what the settings say for all is left out.</summary>
    public static string Words(KeyQuota? quota) => Limit(quota?.Sessions, "sessions") + Limit(quota?.MinutesAMonth, "minutes a month");

    private static string Limit(double? most, string of) => most is null ? ""
        : most > 0 ? FormattableString.Invariant($", {most:0.#} {of}") : $", any number of {of}";
}
