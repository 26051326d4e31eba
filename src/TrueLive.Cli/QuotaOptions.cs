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
        var quota = new KeyQuota(sessions ?? before?.Sessions ?? 0, minutes ?? before?.MinutesAMonth ?? 0);
        return quota is { Sessions: >= 0 and <= 1_000_000, MinutesAMonth: >= 0 and <= 1e9 } ? quota
            : throw new ArgumentException("--sessions must be within 0..1000000 and --minutes within 0..1000000000; 0 sets no limit.");
    }

    /// <summary>For a list of keys.</summary>
    public static string Words(KeyQuota? quota) => quota is null ? ""
        : FormattableString.Invariant($", quota {Limit(quota.Sessions)} sessions, {Limit(quota.MinutesAMonth)} minutes a month");

    private static string Limit(double most) => most > 0 ? FormattableString.Invariant($"{most:0.#}") : "any number of";
}
