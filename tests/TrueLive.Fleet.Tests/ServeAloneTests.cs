using System.Net;

namespace TrueLive.Fleet.Tests;

/// <summary>A server of its own has nothing to do with fleets.</summary>
[Trait("Run", "long")]
public sealed class ServeAloneTests
{
    [Fact]
    public async Task A_server_of_its_own_loads_nothing_of_Orleans_and_a_control_node_does()
    {
        var folder = Directory.CreateTempSubdirectory("truelive-alone-").FullName;
        try
        {
            await using (var server = await ServerProcess.StartAsync("--data-folder", folder, "--model", "passthrough", "--max-sessions",
                "1"))
            {
                using var http = new HttpClient { BaseAddress = new Uri(server.Address) };
                Assert.Equal(HttpStatusCode.OK, (await http.GetAsync("/v1/capabilities", TestContext.Current.CancellationToken))
                    .StatusCode);
                var loaded = ModulesOf(server);
                Assert.NotEmpty(loaded);
                Assert.All(["Orleans", "Yarp", "TrueLive.Fleet"], foreign =>
                    Assert.DoesNotContain(loaded, m => m.Contains(foreign, StringComparison.Ordinal)));
            }
            await using var control = await ServerProcess.StartControlAsync("--data-folder", folder);
            Assert.Contains(ModulesOf(control), m => m.Contains("Orleans.Runtime", StringComparison.Ordinal));
        }
        finally
        {
            Directory.Delete(folder, true);
        }
    }

    private static List<string> ModulesOf(ServerProcess process) =>
        [.. File.ReadLines($"/proc/{process.ProcessId}/maps").Select(l => l.Split(' ')[^1])
            .Where(m => m.EndsWith(".dll", StringComparison.Ordinal)).Select(m => Path.GetFileName(m)).Distinct()];
}
