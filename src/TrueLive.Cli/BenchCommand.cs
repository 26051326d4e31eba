using System.CommandLine;

namespace TrueLive.Cli;

/// <summary><c>truelive bench</c>: measurements that anyone can repeat.</summary>
internal static class BenchCommand
{
    public static Command Make() =>
        new("bench", "Measure what this machine can do. What compares TrueLive with others is in the folder bench of the repository.")
    {
        BenchModelsCommand.Make(), BenchInteractive.Make(), BenchProbe.Make(),
    };
}
