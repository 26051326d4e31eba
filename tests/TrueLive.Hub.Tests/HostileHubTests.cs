using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace TrueLive.Hub.Tests;

/// <summary>
/// Hubs that lie, and repositories that want to be more than a model: each is refused in words, and leaves nothing among the models.
/// </summary>
public sealed class HostileHubTests
{
    private static readonly byte[] Network = Puller.Network(200_000);

    [Theory]
    [InlineData("../outside.onnx")]
    [InlineData("unet/../../outside.onnx")]
    [InlineData("/etc/passwd")]
    [InlineData("a//b.onnx")]
    [InlineData("./b.onnx")]
    [InlineData("a\\..\\b.onnx")]
    [InlineData("C:b.onnx")]
    [InlineData("a\u0000.onnx")]
    [InlineData("a\u001b[2J.onnx")]
    [InlineData("")]
    public async Task A_name_outside_of_its_folder_is_refused_before_anything_is_downloaded(string name)
    {
        await using var hub = await OneFileAsync();
        hub.Bend = listing => listing["siblings"]!.AsArray().Add(new JsonObject
        {
            ["rfilename"] = name,
            ["size"] = 10,
            ["blobId"] = StandInHub.Commit
        });
        using var puller = new Puller(hub.Address);
        var words = await puller.RefusedAsync();
        Assert.Contains("would not lie in its folder", words, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', words);
        Assert.Empty(hub.Downloads);
        Assert.Empty(puller.Everything);
    }

    [Theory]
    [InlineData("pytorch_model.bin", "pickles, which run code")]
    [InlineData("weights.ckpt", "pickles, which run code")]
    [InlineData("model.safetensors", "weights for PyTorch")]
    [InlineData("data.zip", "1 other files")]
    public async Task A_repository_without_ONNX_is_refused_with_what_it_holds(string name, string words)
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, new() { [name] = new byte[1000] });
        using var puller = new Puller(hub.Address);
        var said = await puller.RefusedAsync();
        Assert.Contains(words, said, StringComparison.Ordinal);
        Assert.Contains("truelive models pull FOLDER", said, StringComparison.Ordinal);
        Assert.Empty(hub.Downloads);
    }

    [Theory]
    [InlineData("a pickle", new byte[] { 0x80, 4, 0x95, 10, 0, 0, 0, 0, 0, 0, 0, 0x8c, 2, (byte)'o', (byte)'s' })]
    [InlineData("a zip", new byte[] { (byte)'P', (byte)'K', 3, 4, 20, 0, 0, 0, 8, 0, 0, 0 })]
    public async Task What_only_calls_itself_ONNX_does_not_become_a_model(string what, byte[] content)
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, new() { ["model.onnx"] = content });
        using var puller = new Puller(hub.Address);
        var wrong = await Assert.ThrowsAsync<TrueLive.Models.Manifest.ModelException>(() => puller.PullAsync());
        Assert.True(wrong.Message.Contains("not an ONNX file", StringComparison.Ordinal), $"{what}: {wrong.Message}");
        Assert.Empty(Directory.EnumerateFileSystemEntries(puller.Place));
    }

    [Fact]
    public async Task A_program_in_a_repository_is_refused()
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, new()
        {
            ["manifest.json"] =
                """{"schema": "truelive-model/1", "id": "evil", "title": "Evil", "command": ["python3", "evil.py"], "size": {"min": 64, "max": 128, "multiple": 2}}"""u8.ToArray(),
            ["evil.py"] = "import os"u8.ToArray(),
        });
        using var puller = new Puller(hub.Address);
        Assert.Contains("programs from a hub are not run", await puller.RefusedAsync(), StringComparison.Ordinal);
        Assert.DoesNotContain(hub.Requests, r => r.Path.EndsWith(".py", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("size", "does not say how large")]
    [InlineData("lfs", "does not say how large")]
    [InlineData("sha", "names no commit")]
    [InlineData("siblings", "no files")]
    [InlineData("twice", "names a file twice")]
    [InlineData("many", "at most 20000")]
    [InlineData("large", "does not say how large")]
    public async Task A_listing_that_leaves_out_what_it_must_say_is_refused(string what, string words)
    {
        await using var hub = await OneFileAsync();
        hub.Bend = listing =>
        {
            var files = listing["siblings"]!.AsArray();
            _ = what switch
            {
                "size" => files[0]!.AsObject().Remove("size") && (files[0]!["lfs"] = null) is null,
                "lfs" => (files[0]!["lfs"]!["sha256"] = "../../../../etc/passwd") is null,
                "large" => (files[0]!["lfs"]!["size"] = 1L << 50) is null,
                "twice" => Add(files, files[0]!.DeepClone()),
                "many" => Enumerable.Range(0, 20_000).All(i => Add(files,
                    new JsonObject { ["rfilename"] = $"{i}", ["size"] = 1, ["blobId"] = StandInHub.Commit })),
                _ => listing.Remove(what),
            };
        };
        using var puller = new Puller(hub.Address);
        Assert.Contains(words, await puller.RefusedAsync(), StringComparison.Ordinal);
        Assert.Empty(puller.Everything);

        static bool Add(JsonArray to, JsonNode node)
        {
            to.Add(node);
            return true;
        }
    }

    [Fact]
    public async Task A_listing_without_an_end_is_not_read_to_it()
    {
        await using var hub = await OneFileAsync();
        hub.Bend = listing => listing["padding"] = new string('x', 17 << 20);
        using var puller = new Puller(hub.Address);
        Assert.Contains("is longer than 16 MB", await puller.RefusedAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("longer", "Nothing of it is taken")]
    [InlineData("endless", "More is sent than the 200")]
    [InlineData("another", "not the checksum")]
    [InlineData("from elsewhere", "where byte 0 was asked for")]
    public async Task Content_that_is_not_what_was_announced_is_not_taken(string way, string words)
    {
        await using var hub = await OneFileAsync();
        hub.Serve = async (http, _, content) =>
        {
            switch (way)
            {
                case "longer":
                    await http.Response.Body.WriteAsync(Sized(http, [.. content, .. new byte[1000]]));
                    return true;
                case "endless":
                    // Nobody reads on, so that the connection is cut from the other side.
                    while (!http.RequestAborted.IsCancellationRequested)
                        await http.Response.Body.WriteAsync(content, http.RequestAborted);
                    return true;
                case "another":
                    await http.Response.Body.WriteAsync(Sized(http, [.. content[..^1], (byte)(content[^1] ^ 1)]));
                    return true;
                default:
                    http.Response.StatusCode = 206;
                    http.Response.Headers.ContentRange = $"bytes 1000-{content.Length - 1}/{content.Length}";
                    await http.Response.Body.WriteAsync(content.AsMemory(1000));
                    return true;
            }
        };
        using var puller = new Puller(hub.Address);
        Assert.Contains(words, await puller.RefusedAsync(), StringComparison.Ordinal);
        var partial = Directory.EnumerateFiles(puller.Cache, "*.incomplete", SearchOption.AllDirectories).SingleOrDefault();
        Assert.True(partial is null || new FileInfo(partial).Length <= Network.Length);
        Assert.False(Directory.Exists(puller.Place));
    }

    [Fact]
    public async Task A_link_in_the_cache_is_neither_read_nor_written_through()
    {
        await using var hub = await OneFileAsync();
        using var puller = new Puller(hub.Address);
        var victim = Path.Combine(puller.Home, "victim");
        await File.WriteAllBytesAsync(victim, Network, Puller.Cancel);
        var blobs = Directory.CreateDirectory(Path.Combine(puller.Kept, "blobs")).FullName;
        var name = StandInHub.Sha256(Network);
        new FileInfo(Path.Combine(blobs, name)).CreateAsSymbolicLink(victim);
        new FileInfo(Path.Combine(blobs, name + ".incomplete")).CreateAsSymbolicLink(victim);
        await puller.BringAsync();
        Assert.Null(new FileInfo(Path.Combine(blobs, name)).LinkTarget);
        Assert.Equal(Network, await File.ReadAllBytesAsync(victim, Puller.Cancel));
    }

    [Fact]
    public async Task Words_of_a_hub_reach_the_terminal_without_what_it_obeys()
    {
        await using var hub = await OneFileAsync();
        hub.Bend = listing => listing["cardData"]!["license"] = "mit\u001b[31m\u202e" + new string('x', 5000);
        using var puller = new Puller(hub.Address);
        using var pull = puller.Open();
        var plan = await pull.PlanAsync(Puller.Repository, null, null, Puller.Cancel);
        Assert.StartsWith("mit [31m xxx", plan.Licence, StringComparison.Ordinal);
        Assert.InRange(plan.Licence.Length, 10, 210);
    }

    [Fact]
    public async Task A_page_that_is_no_hub_is_named()
    {
        await using var hub = await OneFileAsync();
        hub.Bend = listing => listing["siblings"] = "<html>";
        using var puller = new Puller(hub.Address);
        Assert.Contains("Is HF_ENDPOINT the address of a hub?", await puller.RefusedAsync(), StringComparison.Ordinal);
    }

    private static Task<StandInHub> OneFileAsync() => StandInHub.StartAsync(Puller.Repository, new() { ["model.onnx"] = Network });

    private static byte[] Sized(HttpContext http, byte[] content)
    {
        http.Response.ContentLength = content.Length;
        return content;
    }
}
