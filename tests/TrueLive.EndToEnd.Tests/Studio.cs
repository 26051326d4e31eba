using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace TrueLive.EndToEnd.Tests;

/// <summary>All tests with a browser share one.</summary>
[CollectionDefinition(nameof(Browser))]
public sealed class BrowserTests : ICollectionFixture<Browser>, ICollectionFixture<Studio>;

/// <summary>One server for all tests that ask nothing special of it: a start measures the machine, which takes seconds.</summary>
public sealed class Studio : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-studio").FullName;

    internal ServerProcess Server { get; private set; } = null!;

    /// <summary>Where screenshots are kept.</summary>
    internal static string Pictures => Directory.CreateDirectory(Path.Combine(Root, "test-results", "studio")).FullName;

    /// <summary>The repository.</summary>
    internal static string Root
    {
        get
        {
            var folder = new DirectoryInfo(AppContext.BaseDirectory);
            while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "TrueLive.slnx")))
                folder = folder.Parent;
            return folder?.FullName ?? AppContext.BaseDirectory;
        }
    }

    public async ValueTask InitializeAsync() =>
        // A page that is closed ends its session (LivePage); one that is loaded again on a slow machine finds it.
        Server = await ServerProcess.StartAsync("--keep-seconds", "300", "--max-sessions", "20",
            "--interactive-clips", "20", "--data-folder", _data);

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    /// <summary>Fails if an accessibility checker finds anything serious on the page in its current state.</summary>
    internal static async Task ReadableAsync(IPage page, string what)
    {
        var found = await page.RunAxe();
        string[] serious = [.. found.Violations.Where(v => v.Impact is "serious" or "critical")
            .Select(v => $"{what}: {v.Id}, {v.Help}: {string.Join("; ", v.Nodes.Select(n => n.Html[..Math.Min(160, n.Html.Length)]))}")];
        Assert.True(serious.Length == 0, string.Join('\n', serious));
    }

    internal static Task PictureAsync(IPage page, string name) =>
        page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(Pictures, name + ".png") });
}
