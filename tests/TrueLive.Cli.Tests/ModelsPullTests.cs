using System.Diagnostics;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive models pull</c> as a user types it, from a stand-in hub.</summary>
public sealed class ModelsPullTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-pull-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task A_model_is_shown_with_its_licence_pulled_when_that_is_accepted_listed_and_checked()
    {
        await using var hub = await StandInHub.StartAsync("acme/tiny-diffusion", Pipeline());
        var asked = await RunAsync(hub, "pull", "acme/tiny-diffusion");
        Assert.Equal(1, asked.Code);
        Assert.Contains("Licence: mit", asked.Out, StringComparison.Ordinal);
        Assert.Matches(@"files, \d+ bytes; about \d+ bytes of memory while it runs", asked.Out);
        Assert.Contains("add --accept-licence", asked.Error, StringComparison.Ordinal);
        Assert.DoesNotContain(hub.Requests, r => r.OfStore);

        var pulled = await RunAsync(hub, "pull", "acme/tiny-diffusion", "--accept-licence");
        Assert.True(pulled.Code == 0, pulled.Error);
        Assert.Equal(1, Count(pulled.Out, "unet/model.onnx: 241354 bytes"));
        Assert.Contains($"Added tiny-diffusion in {Path.Combine(_home, "truelive", "pulled", "tiny-diffusion")}", pulled.Out,
            StringComparison.Ordinal);

        var list = await RunAsync(hub, "list");
        Assert.Matches(@"(?m)^\s*tiny-diffusion .* MIT ", list.Out);
        Assert.Matches(@"(?m)^\s*sd-turbo .* non-commercial .* not tried", list.Out);
        var check = await RunAsync(hub, "check", "tiny-diffusion", "--prompt", "ink", "--frames", "2", "--sizes", "128x64");
        Assert.True(check.Code == 0, check.Error);
        Assert.Contains("128x64", check.Out, StringComparison.Ordinal);
        Assert.Contains("0 not finite", check.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_pulled_is_told_in_a_sentence()
    {
        await using var hub = await StandInHub.StartAsync("acme/pickles", new() { ["pytorch_model.bin"] = new byte[100] });
        foreach (var (source, words) in new[] { ("acme/pickles", "pickles"), ("acme/nothing", "There is no acme/nothing"),
            ("no-such-name", "none of: sd-turbo"), ("acme/pickles@..", "is no folder") })
        {
            var (code, _, error) = await RunAsync(hub, "pull", source, "--accept-licence");
            Assert.Equal(1, code);
            Assert.Contains(words, error, StringComparison.Ordinal);
            Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
        }
        // A short name that TrueLive's own model has.
        hub.Add("acme/live-tiny", Pipeline());
        Assert.Contains("is called 'live-tiny' already", (await RunAsync(hub, "pull", "acme/live-tiny", "--accept-licence")).Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exported_folder_is_put_among_the_models()
    {
        await using var hub = await StandInHub.StartAsync("acme/none", []);
        var folder = Path.Combine(_home, "my export");
        foreach (var (name, content) in Pipeline().Where(f => f.Key != "manifest.json"))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, name))!);
            await File.WriteAllBytesAsync(Path.Combine(folder, name), content, TestContext.Current.CancellationToken);
        }
        var (code, said, error) = await RunAsync(hub, "pull", folder);
        Assert.True(code == 0, error);
        Assert.Contains($"Added my-export in {Path.Combine(_home, "truelive", "models", "my-export")}", said, StringComparison.Ordinal);
        Assert.Empty(hub.Requests);
    }

    private static Dictionary<string, byte[]> Pipeline()
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "samples", "tiny-diffusion");
        return Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(f => Path.GetRelativePath(folder, f),
            File.ReadAllBytes);
    }

    private static int Count(string text, string part) => text.Split(part).Length - 1;

    private async Task<(int Code, string Out, string Error)> RunAsync(StandInHub hub, params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "models", .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _home,
        };
        (start.Environment["XDG_DATA_HOME"], start.Environment["HF_HOME"], start.Environment["HF_ENDPOINT"]) = (_home,
            Path.Combine(_home, "hf"), hub.Address.ToString());
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }
}
