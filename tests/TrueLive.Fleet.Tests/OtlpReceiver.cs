using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TrueLive.Fleet.Tests;

/// <summary>Takes traces as an OTLP/HTTP collector does, and has OpenTelemetry's JavaScript classes read them.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private static readonly string Script = Path.Combine(RootFolder(), "tests", "interop", "otlp-spans.mjs");

    private readonly ConcurrentQueue<string> _bodies = new();
    private readonly WebApplication _app;

    private OtlpReceiver()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.MapPost("/v1/traces", async (HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            _bodies.Enqueue(Convert.ToBase64String(body.ToArray()));
            return Results.Bytes([], request.ContentType);
        });
    }

    /// <summary>A command that sets a process's environment as an operator does, and the process goes on from there.</summary>
    public string[] Environment => ["env", $"OTEL_EXPORTER_OTLP_ENDPOINT={_app.Urls.First()}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY=100"];

    public static async Task<OtlpReceiver> StartAsync()
    {
        var receiver = new OtlpReceiver();
        await receiver._app.StartAsync(TestContext.Current.CancellationToken);
        return receiver;
    }

    /// <summary>All spans so far.</summary>
    public async Task<JsonArray> SpansAsync()
    {
        var start = new ProcessStartInfo("node", [Script]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var node = Process.Start(start)!;
        foreach (var body in _bodies)
            await node.StandardInput.WriteLineAsync(body);
        node.StandardInput.Close();
        var text = await node.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await node.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, node.ExitCode);
        return JsonNode.Parse(text)!.AsArray();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    internal static string RootFolder()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "TrueLive.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
