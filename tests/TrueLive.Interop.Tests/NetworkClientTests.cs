namespace TrueLive.Interop.Tests;

/// <summary>Stacks that do not use the loopback address, over a network namespace.</summary>
public sealed class NetworkClientTests(NetworkClientTests.Server server) : IClassFixture<NetworkClientTests.Server>
{
    [Theory]
    [InlineData("aiortc_client.py", "H264")]
    [InlineData("aiortc_client.py", "VP8")]
    [InlineData("gstreamer_client.py", "H264")]
    [InlineData("gstreamer_client.py", "VP8")]
    public Task A_client_gets_the_made_picture_and_changes_the_prompt(string client, string codec)
    {
        if (server.Network is not { } network)
        {
            Assert.Skip(server.Reason);
            return Task.CompletedTask;
        }
        return ForeignClient.ProveAsync(client, codec, server.Process!.Address, network.ClientSide);
    }

    public sealed class Server : IAsyncLifetime
    {
        internal NetworkPair? Network { get; private set; }

        internal ServerProcess? Process { get; private set; }

        public string Reason { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            Network = NetworkPair.TryMake(out var reason);
            Reason = reason;
            if (Network is not null)
                Process = await ServerProcess.StartInAsync(Network.ServerSide, "--host", Network.ServerAddress, "--insecure",
                    "--max-sessions", "8");
        }

        public async ValueTask DisposeAsync()
        {
            if (Process is not null)
                await Process.DisposeAsync();
            Network?.Dispose();
        }
    }
}
