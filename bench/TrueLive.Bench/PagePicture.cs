using System.Diagnostics;
using System.Globalization;
using Microsoft.Playwright;

namespace TrueLive.Bench;

/// <summary>
/// Films the studio page while prompts are typed, for README: what Chromium paints, with the times at which it did, becomes an animated
/// WebP.
/// </summary>
internal static class PagePicture
{
    private static readonly string[] Prompts = ["japanese ink", "cold thermal camera", "(oil:0.6) (neon:0.4)"];

    public static async Task<int> RunAsync(Arguments arguments)
    {
        var address = arguments.Text("--url") ?? throw new ArgumentException("--url takes the address of a running server.");
        var output = arguments.Text("--out") ?? throw new ArgumentException("--out takes the file to write, such as live.webp.");
        var folder = Directory.CreateTempSubdirectory("truelive-picture-").FullName;
        try
        {
            var times = await FilmAsync(address, folder, TimeSpan.FromSeconds(arguments.Number("--seconds", 9)));
            Console.WriteLine($"{times.Count} pictures in {times[^1] - times[0]:0.0} s");
            return await JoinAsync(folder, times, output);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<List<double>> FilmAsync(string address, string folder, TimeSpan length)
    {
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = "/usr/bin/chromium",
            Args = ["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        });
        var page = await browser.NewPageAsync(new BrowserNewPageOptions
        { ViewportSize = new ViewportSize { Width = 1120, Height = 700 }, ColorScheme = ColorScheme.Dark });
        await page.GotoAsync(address);
        await page.Locator("#model option").First.WaitForAsync(new LocatorWaitForOptions { State = WaitForSelectorState.Attached });
        await page.SelectOptionAsync("#source", "scene");
        await page.ClickAsync("#start");
        // By then the previews of the looks are drawn and the figures have settled; in the first second there are none.
        await page.WaitForTimeoutAsync(15_000);

        var times = new List<double>();
        var devtools = await page.Context.NewCDPSessionAsync(page);
        devtools.Event("Page.screencastFrame").OnEvent += async (_, json) =>
        {
            var frame = json!.Value;
            lock (times)
            {
                File.WriteAllBytes(Path.Combine(folder, $"{times.Count:00000}.jpg"),
                    Convert.FromBase64String(frame.GetProperty("data").GetString()!));
                times.Add(frame.GetProperty("metadata").GetProperty("timestamp").GetDouble());
            }
            await devtools.SendAsync("Page.screencastFrameAck",
                new Dictionary<string, object> { ["sessionId"] = frame.GetProperty("sessionId").GetInt32() });
        };
        await devtools.SendAsync("Page.startScreencast",
            new Dictionary<string, object> { ["format"] = "jpeg", ["quality"] = 90, ["everyNthFrame"] = 2 });
        foreach (var prompt in Prompts)
        {
            await page.FillAsync("#prompt", string.Empty);
            await page.Locator("#prompt").PressSequentiallyAsync(prompt, new LocatorPressSequentiallyOptions { Delay = 35 });
            await page.PressAsync("#prompt", "Enter");
            await page.WaitForTimeoutAsync((float)(length.TotalMilliseconds / Prompts.Length - 35 * prompt.Length));
        }
        await devtools.SendAsync("Page.stopScreencast");
        lock (times)
            return [.. times];
    }

    private static async Task<int> JoinAsync(string folder, List<double> times, string output)
    {
        var list = Path.Combine(folder, "list.txt");
        await File.WriteAllLinesAsync(list, times.SkipLast(1).SelectMany((time, i) =>
            new[] { $"file '{i:00000}.jpg'", $"duration {(times[i + 1] - time).ToString("0.0000", CultureInfo.InvariantCulture)}" }));
        using var process = Process.Start("ffmpeg",
        [
            "-v", "error", "-y", "-f", "concat", "-i", list, "-vf", "fps=8,scale=840:-2:flags=area", "-c:v", "libwebp_anim", "-quality",
            "52", "-compression_level", "6", "-loop", "0", output,
        ])!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
