using System.Net.Http.Json;
using TrueLive.Fleet.Links;
using TrueLive.Server.Access;

namespace TrueLive.EndToEnd.Tests;

/// <summary>The page of a fleet's front door, as an operator uses it.</summary>
[Collection(nameof(Browser))]
public sealed class FleetPageTests(Browser browser)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_operator_sees_places_fill_and_takes_a_worker_out_of_service_by_a_button()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-fleet-page").FullName;
        try
        {
            var key = ApiKeyFile.Create(JoinKeyFile.PathIn(folder), "gpu-1", KeyScopes.None, TimeProvider.System.GetUtcNow(), null);
            // On a busy machine a worker may stay silent for longer than the default after which it counts as lost.
            await using var control = await ServerProcess.StartControlAsync("--data-folder", folder, "--worker-silence-ms", "60000");
            await using var worker = await ServerProcess.StartAsync(
                "--join", control.Address, "--join-key", key, "--data-folder", Path.Combine(folder, "worker"), "--model", "passthrough",
                "--size", "64x64",
                "--max-sessions", "3", "--keep-seconds", "3600");
            await using var page = await browser.OpenAsync(control, ready: false);
            await page.Page.GotoAsync(control.Address + "/fleet.html");
            await page.UntilAsync("document.querySelectorAll('#workers .ready .place:not(.taken)').length === 3");
            using var http = new HttpClient { BaseAddress = new Uri(control.Address) };
            using (var made = await http.PostAsJsonAsync("/v1/sessions", new { }, Cancel))
                made.EnsureSuccessStatusCode();
            await page.UntilAsync("document.querySelectorAll('#workers .taken').length === 1 && document.querySelectorAll('#sessions " +
                "tr').length === 1");
            await Studio.ReadableAsync(page.Page, "fleet");
            await Studio.PictureAsync(page.Page, "fleet");
            await page.Page.ClickAsync("text=Drain gpu-1");
            await page.UntilAsync("document.querySelector('#workers .draining') !== null");
            await page.Page.ClickAsync("text=Take gpu-1 back");
            await page.UntilAsync("document.querySelectorAll('#workers .ready .place:not(.taken)').length === 2");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
