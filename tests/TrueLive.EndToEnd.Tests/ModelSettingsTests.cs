using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.EndToEnd.Tests;

/// <summary>What the page shows of models before and while they run.</summary>
[Collection(nameof(Browser))]
public sealed class ModelSettingsTests(Browser browser)
{
    // A PNG of one pixel.
    private const string Dot = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

    [Fact]
    public async Task The_page_makes_controls_of_what_a_model_declares_and_says_what_it_costs_before_it_starts()
    {
        var options = new ServerOptions { Port = 0, WebrtcPort = 0, LogLevel = "Error", Clips = false };
        using var never = new ManualResetEventSlim();
        await using var app = TrueLiveServer.Build(options,
            new ModelStore([new PassthroughModel(), new PaintingModel(), new HoldingModel(new FramePool("page"), new Chunk(4, 4, 0)),
            new TintingModel(Chunk.One, () => never.Wait(400))]));
        await app.StartAsync(TestContext.Current.CancellationToken);
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        await using var page = await browser.OpenAsync(address);
        await page.UntilAsync("document.querySelector('#model').options.length == 4");
        const string Painting = "document.querySelector('#model').options[1].textContent";
        await page.UntilAsync("document.querySelector('#model').options[0].textContent.startsWith('Pass-through (')");
        Assert.Equal("Painting (not measured yet)", await page.EvalAsync<string>(Painting));
        Assert.True(await page.EvalAsync<bool>("document.querySelector('#parameters').hidden"));

        // A model that turns out to be too slow can no longer be chosen, and the page says why.
        await page.Page.SelectOptionAsync("#model", "tinting");
        await page.UntilAsync("/Tinting makes about [12](\\.\\d)? frames per second on this machine, too few for a live picture. Render " +
            "clips with it./.test(document.querySelector('#model-note').textContent)");
        Assert.Equal("Tinting (for clips) true",
            await page.EvalAsync<string>("(({ textContent, disabled }) => `${textContent} " +
            "${disabled}`)(document.querySelector('#model').options[3])"));

        await page.Page.SelectOptionAsync("#model", "painting");
        await page.UntilAsync($"/(about|over) \\d+ fps here/.test({Painting})");
        await page.UntilAsync("document.querySelectorAll('#parameters :is(input, select)').length == 6");
        await page.EvalAsync<string>("document.querySelector('#parameter-level').type");
        // A value set before a session applies from its start.
        await page.Page.SelectOptionAsync("#parameter-shape", "ramp");
        await page.StartAsync("scene");
        await page.UntilAsync("trueLive.transport?.session.prompt.values?.shape == 'ramp'");
        await page.Page.FillAsync("#parameter-level", "95");
        await page.UntilAsync("trueLive.transport.session.prompt.values.level == '95'");
        await page.Page.CheckAsync("#parameter-invert");
        await page.UntilAsync("trueLive.transport.session.prompt.values.invert == 'true'");
        await page.UntilAsync("trueLive.figures.lastTrace?.revision >= trueLive.transport.session.prompt.revision");
        Assert.Equal("95", await page.EvalAsync<string>("document.querySelector('#parameter-level-value').textContent"));
        // A picture is uploaded, set, shown, cleared, and dropped on its control.
        await page.Page.SetInputFilesAsync("#parameter-reference",
            new Microsoft.Playwright.FilePayload { Name = "dot.png", MimeType = "image/png", Buffer = Convert.FromBase64String(Dot) });
        await page.UntilAsync("trueLive.transport.session.prompt.values.reference?.length == 32");
        const string Seen = "document.querySelector('#parameter-reference-seen')";
        await page.UntilAsync($"!{Seen}.hidden && {Seen}.naturalWidth == 1");
        await page.Page.ClickAsync("#parameter-reference-clear");
        await page.UntilAsync("!trueLive.transport.session.prompt.values.reference && " +
            $"document.querySelector('#parameter-reference-clear').hidden && {Seen}.hidden");
        await page.EvalAsync<bool>("(() => { const data = new DataTransfer(); data.items.add(new File([Uint8Array.from(atob('" + Dot +
            "'), (c) => c.charCodeAt(0))], 'dot.png')); return document.querySelector('#parameter-reference').parentElement" +
            ".dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })); })()");
        await page.UntilAsync("trueLive.transport.session.prompt.values.reference?.length == 32");
        await page.Page.ClickAsync("#parameter-reference-clear");
        await page.UntilAsync("!trueLive.transport.session.prompt.values.reference");
        await page.Page.SetInputFilesAsync("#parameter-reference",
            new Microsoft.Playwright.FilePayload { Name = "dot.png", MimeType = "image/png", Buffer = "text"u8.ToArray() });
        await page.UntilAsync("document.querySelector('#parameter-reference-note').textContent.includes('cannot be read')");
        // Another model has none.
        await page.Page.SelectOptionAsync("#model", "passthrough");
        await page.UntilAsync("document.querySelector('#parameters').hidden");
        // The page shows the delay by design of a model with chunks before it runs, and next to the measured delay.
        Assert.StartsWith("Holding (chunks of 4, ", await page.EvalAsync<string>("document.querySelector('#model').options[2].textContent"),
            StringComparison.Ordinal);
        await page.Page.SelectOptionAsync("#model", "holding");
        await page.UntilAsync("document.querySelector('#model-note').textContent.includes('100 ms late by design')");
        await page.UntilAsync("trueLive.figures.lastTrace?.model == 'holding'");
        await page.UntilAsync("/by design \\d+ ms/.test(document.querySelector('#truth').textContent)");

        // The command line says the same of them.
        using var list = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "models", "list", "--server", address, "--json"])
        { RedirectStandardOutput = true })!;
        var said = await list.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await list.WaitForExitAsync(TestContext.Current.CancellationToken);
        var models = JsonNode.Parse(said)!.AsArray();
        Assert.Matches("^warm, about \\d+(\\.\\d+)? frames per second$",
            (string)models.Single(m => (string?)m!["id"] == "passthrough")!["server"]!);
        Assert.Matches("^warm, .*, for clips$", (string)models.Single(m => (string?)m!["id"] == "tinting")!["server"]!);
    }
}
