using System.Net.Http.Json;
using System.Text.Json.Nodes;

namespace TrueLive.Cli.Tests;

/// <summary>A server that is killed keeps what it has written of usage, and goes on counting after it.</summary>
[Trait("Run", "long")]
public sealed class UsageCrashTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-usage-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task What_was_used_before_a_kill_is_there_after_it_and_is_added_to()
    {
        string[] flags = ["--data-folder", _data, "--model", "passthrough", "--size", "64x64", "--max-sessions", "2"];
        long written;
        await using (var server = await ServerProcess.StartAsync(flags))
        {
            await using var client = await JpegClient.ConnectAsync(new Uri(server.Address), "");
            await client.SendUntilPictureAsync();
            while (Written() == 0)
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel);
            await server.KillAsync();
            written = Written();
        }
        await using (var server = await ServerProcess.StartAsync(flags))
        {
            using var http = new HttpClient { BaseAddress = new Uri(server.Address), Timeout = TimeSpan.FromMinutes(5) };
            Assert.Equal((1L, written), await UsedAsync(http));
            await using var client = await JpegClient.ConnectAsync(new Uri(server.Address), "");
            await client.SendUntilPictureAsync();
            while ((await UsedAsync(http)).Sessions == 1)
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel);
            Assert.True((await UsedAsync(http)).Frames > written);
            Assert.Equal(0, await CommandLine.Make().Parse(["usage", "--url", server.Address]).InvokeAsync(null, Cancel));
            Assert.Equal(1, await CommandLine.Make().Parse(["usage", "--url", server.Address, "--month", "x"]).InvokeAsync(null, Cancel));
        }
    }

    // A day may end meanwhile.
    private static async Task<(long Sessions, long Frames)> UsedAsync(HttpClient http)
    {
        var today = DateOnly.FromDateTime(TimeProvider.System.GetUtcNow().UtcDateTime);
        var rows = (await http.GetFromJsonAsync<JsonNode>(
            $"/v1/usage?of=all&from={today.AddDays(-1):yyyy-MM-dd}&to={today:yyyy-MM-dd}", Cancel))!["rows"]!.AsArray();
        return (rows.Sum(r => (long)r!["sessions"]!), rows.Sum(r => (long)r!["frames"]!));
    }

    private long Written() => Directory.Exists(Path.Combine(_data, "usage"))
        ? Directory.GetFiles(Path.Combine(_data, "usage"), "*.json")
            .Sum(f => JsonNode.Parse(File.ReadAllText(f))!["rows"]!.AsArray().Sum(r => (long)r!["frames"]!)) : 0;
}
