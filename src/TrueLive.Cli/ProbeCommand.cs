using System.CommandLine;

namespace TrueLive.Cli;

/// <summary><c>truelive probe</c>: measure a live AI video system from outside.</summary>
internal static class ProbeCommand
{
    public static Command Make() => new("probe", "Measure any live AI video system from outside, and say what it is.")
    {
        ProbeSelftestCommand.Make(),
    };
}
