using System.CommandLine;

namespace TrueLive.Cli;

/// <summary><c>truelive bench</c>: what this machine can do.</summary>
internal static class BenchCommand
{
    public static Command Make() => new("bench", "Measure what this machine can do; the figures in bench/results come from these commands.") { BenchModelsCommand.Make() };
}
