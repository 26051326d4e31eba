using System.Globalization;
using SharpFuzz;
using TrueLive.Fuzz;

// TrueLive.Fuzz TARGET            under libFuzzer (libfuzzer-dotnet)
// TrueLive.Fuzz afl TARGET        under afl-fuzz
// TrueLive.Fuzz mutate TARGET N SEED   N inputs by the mutator of the tests, without coverage; prints the finding
// TrueLive.Fuzz seeds FOLDER      writes the seed corpus
switch (args)
{
    case ["seeds", var folder]:
        Seeds.Write(folder);
        return 0;
    case ["mutate", var name, var count, var seed]:
        BoundedRun.Run(FuzzTarget.Named(name), int.Parse(count, CultureInfo.InvariantCulture),
            int.Parse(seed, CultureInfo.InvariantCulture));
        return 0;
    case ["afl", var name]:
        var afl = new Warmed(FuzzTarget.Named(name));
        Fuzzer.OutOfProcess.Run((Stream stream) =>
        {
            using var bytes = new MemoryStream();
            stream.CopyTo(bytes);
            afl.Run(bytes.ToArray());
        });
        return 0;
    case [var name]:
        var target = new Warmed(FuzzTarget.Named(name));
        Fuzzer.LibFuzzer.Run(span => target.Run(span.ToArray()));
        return 0;
    default:
        Console.Error.WriteLine(
            $"Usage: TrueLive.Fuzz [afl] TARGET | mutate TARGET N SEED | seeds FOLDER. The targets are: {string.Join(", ", FuzzTarget.All.Select(t => t.Name))}.");
        return 2;
}

/// <summary>
/// Runs a seed before the first input, so that one-time allocations are not counted for that input. Not earlier, since instrumented code
/// can run only under its driver.
/// </summary>
internal sealed class Warmed(FuzzTarget target)
{
    private bool _warm;

    public void Run(byte[] input)
    {
        if (!_warm)
        {
            target.Run(BoundedRun.Corpus(target.Name)[0]);
            _warm = true;
        }

        BoundedRun.One(target, input);
    }
}
