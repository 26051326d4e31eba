using System.Diagnostics;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The page's scripts, as far as they need no browser.</summary>
public sealed class PageScriptsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_figures_of_the_page_are_right()
    {
        var tests = Directory.GetFiles(Path.Combine(Studio.Root, "tests", "page"), "*.test.mjs");
        Assert.NotEmpty(tests);
        await NodeAsync(["--test", .. tests]);
    }

    // tests/interop/node_modules/.bin/prettier --write 'src/TrueLive.Server/wwwroot/*.js' lays them out.
    [Fact]
    public Task The_scripts_are_laid_out_as_prettier_does_it() =>
        NodeAsync([Path.Combine(Studio.Root, "tests", "interop", "node_modules", "prettier", "bin", "prettier.cjs"),
            "--check", Path.Combine(Studio.Root, "src", "TrueLive.Server", "wwwroot", "*.js")]);

    private static async Task NodeAsync(string[] arguments)
    {
        using var node = Process.Start(new ProcessStartInfo("node", arguments)
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var errors = node.StandardError.ReadToEndAsync(Cancel);
        var output = await node.StandardOutput.ReadToEndAsync(Cancel);
        await node.WaitForExitAsync(Cancel);
        Assert.True(node.ExitCode == 0, output + await errors);
    }
}
