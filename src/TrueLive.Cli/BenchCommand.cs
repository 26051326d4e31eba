using System.CommandLine;

namespace TrueLive.Cli;

/// <summary><c>truelive bench</c>: measurements that anyone can repeat.</summary>
internal static class BenchCommand
{
    public static Command Make() => new("bench", "Measure what this machine can do, ours beside the obvious way; the figures in bench/results come from these commands.")
    {
        BenchModelsCommand.Make(), BenchClips.Make(), BenchInteractive.Make(), BenchProbe.Make(),
    };
}
