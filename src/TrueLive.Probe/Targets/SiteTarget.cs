using System.Text.Json;

namespace TrueLive.Probe.Targets;

/// <summary>What is done on a page that is measured by its address. Selectors are those of CSS.</summary>
public sealed record SiteOptions
{
    /// <summary>The element that shows the answer: video, canvas or image; null for the largest that does not play the camera.</summary>
    public string? Output { get; init; }

    /// <summary>What is clicked, in this order, each as soon as it is there.</summary>
    public IReadOnlyList<string> Clicks { get; init; } = [];

    /// <summary>Where prompts are written; null for none.</summary>
    public string? PromptField { get; init; }

    /// <summary>What sends a prompt; null for the Enter key.</summary>
    public string? PromptButton { get; init; }
}

/// <summary>
/// A page by its address, without a script: it is opened in Chromium with a camera that shows the codes, clicked as a person would, and
/// measured by what it shows. It gets nothing of this machine but that camera.
/// </summary>
public sealed class SiteTarget : BrowserTarget
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);
    private static readonly string[] Permissions = ["videoCapture", "audioCapture"];
    private static readonly string[] Domains = ["Page.enable", "Inspector.enable"];
    private static readonly string[] Mouse = ["mouseMoved", "mousePressed", "mouseReleased"];
    private readonly Uri _address;
    private readonly SiteOptions _site;
    private DevTools? _tools;
    private string _missing;

    /// <summary>Creates a target; <see cref="BrowserTarget.ConnectAsync"/> starts the browser.</summary>
    /// <param name="address">An http or https address. Browsers give a camera only to https, and to this machine.</param>
    /// <param name="site">What is done there.</param>
    /// <param name="browser">The browser.</param>
    /// <param name="time">The run's clock.</param>
    public SiteTarget(Uri address, SiteOptions site, BrowserOptions browser, TimeProvider time)
        : base(browser, time) => (_address, _site, _missing) = (address, site, site.Clicks.Count > 0
            ? NothingAt(site.Clicks[0])
            : "it did not ask for a camera; if something starts it, name that with --click");

    /// <inheritdoc/>
    public override string Description =>
        $"page {Name}{(_site.Output is { } output ? $" {output}" : "")}{(OnDisplay ? " (as displayed)" : "")}";

    // The query may hold a key, and what stands before the host a password.
    private protected override string Name =>
        _address.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);

    private protected override string Speaker => "the page";

    private protected override bool HasDevTools => true;

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync().ConfigureAwait(false);
        _tools?.Dispose();
    }

    private protected override PageHost Host() => new(null);

    private protected override string FirstPage(PageHost host) => "about:blank";

    private protected override object Order(PageHost host)
    {
        _missing = _site.Output is { } output ? $"no picture came in '{output}'" : "it showed no picture beside the camera's own";
        return new { connect = new { output = _site.Output, field = _site.PromptField, button = _site.PromptButton } };
    }

    private protected override async Task OpenAsync(BrowserProcess browser, PageHost host, CancellationToken cancel)
    {
        var port = await browser.DevToolsPortAsync(Time, cancel).ConfigureAwait(false);
        _tools = await DevTools.ConnectAsync(port, Time, cancel).ConfigureAwait(false);
        _tools.Crashed = () => End(browser.EndedBecause ?? "the page crashed");
        foreach (var domain in Domains)
            await _tools.CallAsync(domain, new { }, cancel).ConfigureAwait(false);
        // A page's own rules may forbid it to reach the probe.
        await _tools.CallAsync("Page.setBypassCSP", new { enabled = true }, cancel).ConfigureAwait(false);
        await _tools.CallAsync("Browser.grantPermissions", new { permissions = Permissions }, cancel)
            .ConfigureAwait(false);
        await _tools.CallAsync("Page.addScriptToEvaluateOnNewDocument", new { source = Script(host) }, cancel).ConfigureAwait(false);
        var opened = await _tools.CallAsync("Page.navigate", new { url = _address.AbsoluteUri }, cancel).ConfigureAwait(false);
        if (opened.TryGetProperty("errorText", out var error) && error.GetString() is { Length: > 0 } words)
            throw new TargetException($"{Name} cannot be opened: {words}.");
        foreach (var selector in _site.Clicks)
            await ClickAsync(_tools, selector, cancel).ConfigureAwait(false);
        if (_site.Clicks.Count > 0)
            _missing = $"it did not ask for a camera after '{_site.Clicks[^1]}' was clicked";
        await host.Socket.WaitAsync(cancel).ConfigureAwait(false);
    }

    /// <summary>Says what the page lacks: the first thing that a person would see on it.</summary>
    private protected override async Task<string?> WhyNotAsync(CancellationToken cancel)
    {
        var look = default(JsonElement);
        try
        {
            using var late = new CancellationTokenSource(TimeSpan.FromSeconds(5), Time);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
            if (_tools is not null)
                look = await _tools.ValueAsync("__truelive.look()", limit.Token).ConfigureAwait(false);
        }
        catch (Exception busy) when (busy is TargetException || (busy is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return $"{Name}: {EndedBecause ?? _missing}. The page does not answer: its scripts take all time, or it crashed.";
        }
        if (look.ValueKind != JsonValueKind.Object)
            return $"{Name}: {_missing}. A camera needs https, or an address on this machine.";
        if (Flag(look, "login"))
            return $"{Name} asks for a login. The probe logs in nowhere: measure a page that is open to all, or write an adapter script " +
                "that takes the key from an environment variable.";
        if (Number(look, "status") is >= 400 and var status)
            return $"{Name} answered {status}.";
        var (pictures, frames) = (Text(look, "pictures"), Text(look, "frames"));
        return $"{Name}: {_missing}." + (pictures.Length > 0 ? $" The page has: {pictures}." : " The page has no video and no canvas.") +
            (frames.Length > 0 ? $" It shows other pages, which can be measured by their own address: {frames}." : "");
    }

    private async Task ClickAsync(DevTools tools, string selector, CancellationToken cancel)
    {
        _missing = NothingAt(selector);
        JsonElement place;
        while ((place = await tools.ValueAsync($"__truelive.place({JsonSerializer.Serialize(selector)})", cancel).ConfigureAwait(false))
            .ValueKind != JsonValueKind.Object)
            await Task.Delay(Pause, Time, cancel).ConfigureAwait(false);
        if (!place.TryGetProperty("x", out var x) || !place.TryGetProperty("y", out var y))
            throw new TargetException($"{Name}: '{selector}' has no place.");
        // A real click: many pages play video and sound only after one.
        foreach (var type in Mouse)
            await tools.CallAsync("Input.dispatchMouseEvent", new { type, x, y, button = type == "mouseMoved" ? "none" : "left",
                clickCount = type == "mouseMoved" ? 0 : 1 }, cancel).ConfigureAwait(false);
    }

    private static string NothingAt(string selector) => $"there is nothing to click at '{selector}'";

    private static string Script(PageHost host) => PageHost.Resource("site.js")
        .Replace("/* bridge */", PageHost.Resource("bridge.js"), StringComparison.Ordinal)
        .Replace("ADDRESS", host.Frames, StringComparison.Ordinal);

    private static bool Flag(JsonElement look, string name) =>
        look.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;

    private static double Number(JsonElement look, string name) =>
        look.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : 0;

    private static string Text(JsonElement look, string name) =>
        look.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? Printable(value.GetString()!, 800) : "";
}
