using System.Diagnostics;
using System.Text.Json;

namespace TrueLive.Interop.Tests;

/// <summary>Runs the scripts of tests/interop, which use third-party WebRTC stacks.</summary>
internal static class ForeignClient
{
    // A generous limit that only a hang reaches.
    private const int Seconds = 300;

    /// <summary>Where the scripts and their packages are.</summary>
    public static readonly string Folder = FindFolder();

    /// <summary>
    /// Runs one client against a server: sends video with the prompt "noir" until 30 pictures have come back, then sets "underwater",
    /// and checks the received pictures both times.
    /// </summary>
    public static async Task ProveAsync(string client, string codec, string server, string? netns = null)
    {
        var script = Path.Combine(Folder, client);
        string[] interpreter = client.EndsWith(".py", StringComparison.Ordinal) ? ["/usr/bin/python3", script] : ["node", script];
        if (interpreter[0] == "node" && !Directory.Exists(Path.Combine(Folder, "node_modules")))
            Assert.Fail($"The clients from npm are not installed: run 'npm ci' in {Folder}, or ./test.");
        string[] command = [.. netns is null ? (string[])[] : ["ip", "netns", "exec", netns], .. interpreter,
            $"{server}/whip?model=live-tiny&size=256x144&prompt=noir&codec={codec}", codec, $"{Seconds}"];
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        var words = $"{output}\n{await errors}";
        Assert.True(output.StartsWith('{'), words);
        TestContext.Current.TestOutputHelper?.WriteLine(output);
        var result = JsonDocument.Parse(output).RootElement;
        Assert.True(result.GetProperty("connected").GetBoolean(), words);
        Assert.True(result.GetProperty("frames").GetInt32() >= 30, $"Less than 30 pictures in {Seconds} s: {words}");
        Assert.True(result.TryGetProperty("after", out var after),
            $"The prompt that was given over the data channel never showed: {words}");
        var before = result.GetProperty("before");
        // Red, green, blue, mean saturation. The sent video has a saturation of 150 to 230 of 255.
        Assert.True(before[3].GetDouble() < 70, $"'noir' is not without colour: {words}");
        Assert.True(after[2].GetDouble() > after[0].GetDouble() + 12, $"'underwater' is not blue: {words}");
    }

    private static string FindFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Not inside the repository.");
        return Path.Combine(folder, "tests", "interop");
    }
}
