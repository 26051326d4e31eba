namespace TrueLive.Fuzz;

/// <summary>An input that a parser handled wrongly.</summary>
public sealed class FuzzException(string target, byte[] input, string what, Exception? cause)
    : Exception($"{target}: {what}\ninput ({input.Length} bytes, base64): {Convert.ToBase64String(input)}", cause);

/// <summary>Runs a bounded number of inputs through one target, in this process.</summary>
public static class BoundedRun
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <summary>Folder with the seeds of all targets.</summary>
    public static string CorpusFolder { get; } = Path.Combine(AppContext.BaseDirectory, "corpus");

    /// <summary>The seeds of a target, in the order of their names.</summary>
    public static IReadOnlyList<byte[]> Corpus(string target) =>
        [.. Directory.EnumerateFiles(Path.Combine(CorpusFolder, target)).Order(StringComparer.Ordinal).Select(File.ReadAllBytes)];

    /// <summary>Runs the corpus, then mutations of it.</summary>
    /// <exception cref="FuzzException">The target threw, took a minute, or allocated more than it may.</exception>
    public static void Run(FuzzTarget target, int inputs, int seed)
    {
        var mutator = new Mutator(Corpus(target.Name), seed);
        // Static initialisation and the JIT compiler allocate once, whatever the input is.
        target.Run(mutator.Next());
        for (var i = 1; i < inputs; i++)
        {
            var input = mutator.Next();
            var began = TimeProvider.System.GetTimestamp();
            try
            {
                One(target, input);
            }
            catch (Exception e)
            {
                throw new FuzzException(target.Name, input, $"input {i} of seed {seed} threw {e.GetType().Name}: {e.Message}", e);
            }

            var took = TimeProvider.System.GetElapsedTime(began);
            if (took > Patience)
            {
                throw new FuzzException(target.Name, input, $"input {i} of seed {seed} took {took.TotalSeconds:0.0} s", null);
            }
        }
    }

    /// <summary>
    /// Runs one input; its allocations can be a finding, too. Not for the first input of a process, at which statics are created.
    /// </summary>
    /// <exception cref="InsufficientMemoryException">The target allocated more than it may.</exception>
    public static void One(FuzzTarget target, byte[] input)
    {
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        target.Run(input);
        allocated = GC.GetAllocatedBytesForCurrentThread() - allocated;
        if (allocated > target.MaxAllocated)
        {
            throw new InsufficientMemoryException($"it allocated {allocated} bytes");
        }
    }
}
