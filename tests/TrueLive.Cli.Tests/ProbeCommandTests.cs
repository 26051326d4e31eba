using System.Diagnostics;
using System.Text.Json;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive probe</c> as a user meets it.</summary>
public sealed class ProbeCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-probe-cli-").FullName;

    [Fact]
    [Trait("Run", "long")]
    public async Task Ctrl_c_gives_an_incomplete_report_of_what_was_measured()
    {
        var cancel = TestContext.Current.CancellationToken;
        var start = new ProcessStartInfo("dotnet") { RedirectStandardOutput = true, WorkingDirectory = _folder };
        foreach (var argument in new[] { Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "probe", "null", "--size", "160x90", "--progress", "json", "--out", "run" })
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var last = "";
        while (await process.StandardOutput.ReadLineAsync(cancel) is { } line)
        {
            using var update = JsonDocument.Parse(last = line);
            if (update.RootElement.GetProperty("kind").GetString() == "progress" && update.RootElement.GetProperty("phase").GetString() == "fast")
                await Process.Start("kill", ["-INT", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]).WaitForExitAsync(cancel);
        }
        await process.WaitForExitAsync(cancel);
        Assert.Equal(3, process.ExitCode);
        Assert.Contains("\"kind\":\"done\"", last, StringComparison.Ordinal);
        using var report = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "run", "report.json"), cancel));
        Assert.True(report.RootElement.GetProperty("run").GetProperty("incomplete").GetBoolean());
        Assert.Equal("stopped by the user", report.RootElement.GetProperty("run").GetProperty("ended_because").GetString());
    }

    public void Dispose() => Directory.Delete(_folder, true);
}
