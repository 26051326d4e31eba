using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace TrueLive.Tests.Shared;

/// <summary>A request that the hub or its store got.</summary>
internal sealed record HubRequest(bool OfStore, string Path, string? Authorization, string? Range);

/// <summary>
/// A model hub on this machine: listings with sizes and hashes, small files from itself, large ones by a redirect to a store at another
/// address, as the real one does it. A test may bend each answer.
/// </summary>
internal sealed class StandInHub : IAsyncDisposable
{
    public static readonly string Commit = new('c', 40);

    private readonly ConcurrentDictionary<string, Dictionary<string, byte[]>> _repositories = [];
    private readonly WebApplication _app;

    private StandInHub()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0", "http://127.0.0.1:0");
        _app = builder.Build();
        _app.Run(AnswerAsync);
    }

    public Uri Address { get; private set; } = null!;

    public Uri Store { get; private set; } = null!;

    public ConcurrentQueue<HubRequest> Requests { get; } = [];

    /// <summary>Requests for the content of a file.</summary>
    public IEnumerable<HubRequest> Downloads => Requests.Where(r => r.Path.Contains("/resolve/", StringComparison.Ordinal) || r.OfStore);

    /// <summary>The token that it wants; null for none.</summary>
    public string? Token { get; set; }

    /// <summary>What it says to those without the token.</summary>
    public (HttpStatusCode Status, string Code) Refusal { get; set; } = (HttpStatusCode.Unauthorized, "RepoNotFound");

    /// <summary>Changes a listing.</summary>
    public Action<JsonObject> Bend { get; set; } = _ => { };

    /// <summary>Answers for a file's content instead; false lets the usual answer happen.</summary>
    public Func<HttpContext, string, byte[], Task<bool>> Serve { get; set; } = (_, _, _) => Task.FromResult(false);

    public static async Task<StandInHub> StartAsync(string repository, Dictionary<string, byte[]> files)
    {
        var hub = new StandInHub();
        hub.Add(repository, files);
        await hub._app.StartAsync();
        var at = hub._app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToArray();
        (hub.Address, hub.Store) = (new Uri(at[0]), new Uri(at[1]));
        return hub;
    }

    public void Add(string repository, Dictionary<string, byte[]> files) => _repositories[repository] = files;

    public static string Sha256(byte[] content) => Convert.ToHexStringLower(SHA256.HashData(content));

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext http)
    {
        var path = http.Request.Path.Value!;
        var ofStore = http.Connection.LocalPort == Store.Port;
        Requests.Enqueue(new HubRequest(ofStore, path, http.Request.Headers.Authorization.FirstOrDefault(),
            http.Request.Headers.Range.FirstOrDefault()));
        if (ofStore)
        {
            var content = _repositories.Values.SelectMany(r => r).First(f => path == "/" + Sha256(f.Value));
            await ContentAsync(http, content.Key, content.Value);
            return;
        }
        if (Token is not null && http.Request.Headers.Authorization != $"Bearer {Token}")
        {
            http.Response.StatusCode = (int)Refusal.Status;
            http.Response.Headers["X-Error-Code"] = Refusal.Code;
            return;
        }
        var words = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        if (words is ["api", "models", var org, var name, "revision", ..] && _repositories.TryGetValue($"{org}/{name}", out var files))
        {
            var listing = Listing(files);
            Bend(listing);
            await http.Response.WriteAsJsonAsync(listing);
        }
        else if (words is [var owner, var model, "resolve", _, ..] && _repositories.TryGetValue($"{owner}/{model}", out var held)
            && held.TryGetValue(string.Join('/', words[4..]), out var content))
        {
            if (IsLarge(content))
                http.Response.Redirect(new Uri(Store, Sha256(content)).ToString(), permanent: false);
            else
                await ContentAsync(http, string.Join('/', words[4..]), content);
        }
        else
        {
            http.Response.StatusCode = 404;
        }
    }

    private async Task ContentAsync(HttpContext http, string path, byte[] content)
    {
        if (await Serve(http, path, content))
            return;
        var from = http.Request.Headers.Range.FirstOrDefault() is { } range
            ? int.Parse(range["bytes=".Length..].TrimEnd('-'), System.Globalization.CultureInfo.InvariantCulture) : 0;
        if (from > 0)
        {
            http.Response.StatusCode = 206;
            http.Response.Headers.ContentRange = $"bytes {from}-{content.Length - 1}/{content.Length}";
        }
        http.Response.ContentLength = content.Length - from;
        await http.Response.Body.WriteAsync(content.AsMemory(from));
    }

    private static bool IsLarge(byte[] content) => content.Length > 20_000;

    private static JsonObject Listing(Dictionary<string, byte[]> files) => new()
    {
        ["sha"] = Commit,
        ["cardData"] = new JsonObject { ["license"] = "mit" },
        ["siblings"] = new JsonArray([.. files.Select(f => new JsonObject
        {
            ["rfilename"] = f.Key, ["size"] = f.Value.Length, ["blobId"] = GitName(f.Value),
            ["lfs"] = IsLarge(f.Value) ? new JsonObject { ["sha256"] = Sha256(f.Value), ["size"] = f.Value.Length,
                ["pointerSize"] = 130 } : null,
        })]),
    };

#pragma warning disable CA5350 // git names contents so.
    private static string GitName(byte[] content) => Convert.ToHexStringLower(SHA1.HashData([.. Encoding.ASCII.GetBytes($"blob "
        + $"{content.Length}\0"), .. content]));
#pragma warning restore CA5350
}
