using System.CommandLine;

namespace TrueLive.Cli;

/// <summary><c>truelive bench</c>: measurements that anyone can repeat.</summary>
internal static class BenchCommand
{
    public static Command Make() => new("bench", "Measure this machine, ours against the obvious way.") { BenchClips.Make(), BenchInteractive.Make() };
}
