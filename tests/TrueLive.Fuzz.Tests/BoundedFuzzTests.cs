namespace TrueLive.Fuzz.Tests;

/// <summary>
/// Every parser that takes bytes from outside, with a fixed number of fixed inputs. tests/TrueLive.Fuzz/run goes on from here.
/// </summary>
public class BoundedFuzzTests
{
    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(t => t.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public async Task No_input_makes_a_parser_throw_hang_or_take_much_memory(string name)
    {
        var target = FuzzTarget.Named(name);
        // A hang would outlast the run itself; nothing here takes so long.
        await Task.Factory.StartNew(() => BoundedRun.Run(target, target.Inputs, seed: 1), TaskCreationOptions.LongRunning)
            .WaitAsync(TimeSpan.FromMinutes(10), TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Every_target_has_seeds_and_every_folder_of_seeds_a_target() =>
        Assert.Equal(FuzzTarget.All.Select(t => t.Name).Order(),
            Directory.EnumerateDirectories(BoundedRun.CorpusFolder).Select(f => Path.GetFileName(f)!).Order());
}
