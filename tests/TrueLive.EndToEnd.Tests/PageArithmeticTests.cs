using System.Diagnostics;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The page's arithmetic, which needs no browser: the tests of tests/page, run by Node.js.</summary>
public sealed class PageArithmeticTests
{
    [Fact]
    public async Task The_figures_of_the_page_are_right()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "TrueLive.slnx")))
            folder = folder.Parent!;
        var tests = Directory.GetFiles(Path.Combine(folder.FullName, "tests", "page"), "*.test.mjs");
        Assert.NotEmpty(tests);
        using var node = Process.Start(new ProcessStartInfo("node", ["--test", .. tests]) { RedirectStandardOutput = true })!;
        var output = await node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(node.ExitCode == 0, output);
    }
}
