namespace TrueLive.Interop.Tests;

/// <summary>WebRTC stacks from npm against the real server: they send video, get the made picture back, and change the prompt.</summary>
public sealed class LoopbackClientTests(LoopbackClientTests.Server server) : IClassFixture<LoopbackClientTests.Server>
{
    [Theory]
    [InlineData("libdatachannel_client.mjs", "H264")]
    [InlineData("libdatachannel_client.mjs", "VP8")]
    [InlineData("werift_client.mjs", "H264")]
    [InlineData("werift_client.mjs", "VP8")]
    public Task A_client_gets_the_made_picture_and_changes_the_prompt(string client, string codec) =>
        ForeignClient.ProveAsync(client, codec, server.Address);

    public sealed class Server : IAsyncLifetime
    {
        private ServerProcess? _process;

        public string Address => _process!.Address;

        public async ValueTask InitializeAsync() => _process = await ServerProcess.StartAsync("--max-sessions", "8");

        public ValueTask DisposeAsync() => _process?.DisposeAsync() ?? default;
    }
}
