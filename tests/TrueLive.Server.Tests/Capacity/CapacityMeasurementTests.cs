using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Capacity;

public sealed class CapacityMeasurementTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A network that loads well and fails when it is to run: when its memory is made, or in each step.</summary>
    private sealed class Failing(Exception? making, Exception stepping) : IVideoModel
    {
        private readonly PassthroughModel _whole = new();

        public ModelInfo Info => _whole.Info with { Id = "failing" };

        public PromptReading Read(string text) => _whole.Read(text);

        public IModelSession CreateSession(int width, int height) =>
            making is null ? new Session(_whole.CreateSession(width, height), stepping) : throw making;

        public void Dispose() => _whole.Dispose();

        private sealed class Session(IModelSession whole, Exception stepping) : IModelSession
        {
            public int Width => whole.Width;

            public int Height => whole.Height;

            public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made) => throw stepping;

            public void Reset() => whole.Reset();

            public ModelState Capture() => whole.Capture();

            public void Restore(ModelState state) => whole.Restore(state);

            public void Dispose() => whole.Dispose();
        }
    }

    [Fact]
    public async Task A_model_that_takes_chunks_is_measured_by_whole_ones_and_its_delay_by_design_is_told()
    {
        using var never = new ManualResetEventSlim();
        var chunked = new HoldingModel(new FramePool("chunked"), new Chunk(4, 4, 0))
        { OnStep = inside => never.Wait(inside == 3 ? 40 : 0) };
        await using var server = await RunningServer.StartAsync(models: [chunked, new PassthroughModel()]);
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(TimeSpan.FromMinutes(5),
            TestContext.Current.CancellationToken);
        var costs = server.Services.GetRequiredService<Admission>().Costs.Where(c => c.ModelId == "holding").ToArray();
        // A median of single steps would be about zero: three of four only take a frame in.
        Assert.NotEmpty(costs);
        Assert.All(costs, c => Assert.InRange(c.StepMs, 5, 10_000));
        var told = (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", TestContext.Current.CancellationToken))!;
        var model = told["models"]!.AsArray().Single(m => (string)m!["id"]! == "holding")!;
        Assert.Equal((4, 4, 0), ((int)model["chunk"]!["takes"]!, (int)model["chunk"]!["gives"]!, (int)model["chunk"]!["lag"]!));
        Assert.Equal(100, (double)model["by_design_ms"]!, 0.1);
        Assert.Equal("number", (string)model["parameters"]![0]!["kind"]!);
        var rate = told["tiers"]![2]!["rates"]!.AsArray().First(r => (string)r!["model"]! == "holding")!;
        Assert.InRange((double)rate["delay_floor_ms"]!, 100, 50_000);
    }

    [Fact]
    public async Task At_start_only_what_the_page_takes_is_measured_and_another_size_with_its_first_session()
    {
        await using var server = await RunningServer.StartAsync();
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(Patience, Cancel);
        var told = await CapabilitiesAsync(server);
        Assert.Equal("512x288", (string)Assert.Single(told["capacity"]!.AsArray())!["size"]!);
        Assert.Equal("not measured yet", Why(told, "passthrough", "640x360"));
        Assert.Equal(HttpStatusCode.Created,
            (await server.Http.PostAsJsonAsync("/v1/sessions", new { size = "700x400" }, Cancel)).StatusCode);
        told = await CapabilitiesAsync(server);
        Assert.Equal(["512x288", "640x360"], told["capacity"]!.AsArray().Select(c => (string)c!["size"]!));
        Assert.Null(Why(told, "passthrough", "640x360"));
    }

    [Fact]
    public async Task A_mask_is_measured_once_for_all_models_before_the_server_is_ready_and_shown_with_the_capacity()
    {
        await using var server = await RunningServer.StartAsync(
            models: [MaskedModel.Of(new PassthroughModel(), TimeProvider.System), new HoldingModel(new FramePool("bare"), Chunk.One)]);
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(Patience, Cancel);
        var mask = server.Services.GetRequiredService<Admission>().Mask!;
        Assert.True(mask.Of(512, 288) > 0 && mask.Of(1280, 720) >= mask.Of(512, 288));
        var told = Assert.Single((await CapabilitiesAsync(server))["capacity"]!.AsArray())!;
        Assert.InRange((int)told["sessions_masked"]!, 1, (int)told["sessions"]!);
    }

    [Fact]
    public async Task The_rest_is_measured_when_the_machine_is_idle_and_what_was_measured_beside_sessions_again()
    {
        var time = new FakeTimeProvider();
        var admission = new Admission(2, 30, 0);
        using var models = new ModelStore([new PassthroughModel()]);
        var (busy, asked, live) = (true, 0, true);
        using var measurement = new CapacityMeasurement(models, admission, new ServerOptions(), time,
            NullLogger<CapacityMeasurement>.Instance)
        {
            Live = () => Volatile.Read(ref live) ? new Dictionary<string, double> { ["other"] = 0 } : [],
            Busy = () =>
            {
                Interlocked.Increment(ref asked);
                return Volatile.Read(ref busy);
            },
        };
        await measurement.StartAsync(Cancel);
        await measurement.Finished.WaitAsync(Patience, Cancel);
        Assert.Equal(1, Assert.Single(admission.Costs).Beside);
        await UntilAsync(() => Volatile.Read(ref asked) > 20);
        Assert.Single(admission.Costs);
        (busy, live) = (false, false);
        await UntilAsync(() => admission.Costs.Count == 3 && admission.Costs.All(c => c.Beside == 0));
        Assert.Equal([384, 512, 640], admission.Costs.Select(c => c.Width).Order());
        await measurement.StopAsync(Cancel);

        async Task UntilAsync(Func<bool> holds)
        {
            while (!holds())
            {
                Cancel.ThrowIfCancellationRequested();
                time.Advance(TimeSpan.FromSeconds(10));
                await Task.Yield();
            }
        }
    }

    [Theory]
    [InlineData("in a step")]
    [InlineData("in a step, in a way of its own")]
    [InlineData("where its memory is made")]
    public async Task A_network_that_fails_while_it_is_measured_costs_its_own_figures_only(string where)
    {
        var failing = where switch
        {
            "in a step" => new Failing(null, new ModelStepException("It always fails.")),
            "where its memory is made" => new Failing(new ArgumentException("No memory of this size."), new InvalidOperationException()),
            _ => new Failing(null, new InvalidOperationException("It always fails.")),
        };
        await using var server = await RunningServer.StartAsync(models: [failing, new PassthroughModel()]);
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(Patience, Cancel);
        Assert.Equal("it failed, see the server log", Why(await CapabilitiesAsync(server), "failing", "512x288"));
        Assert.Equal(HttpStatusCode.Created,
            (await server.Http.PostAsJsonAsync("/v1/sessions", new { model = "passthrough" }, Cancel)).StatusCode);
        var cost = Assert.Single(server.Services.GetRequiredService<Admission>().Costs);
        Assert.Equal("passthrough", cost.ModelId);
        Assert.InRange(cost.CpuMs, 0.001, 1000);
        Assert.False(server.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested);
    }

    private static async Task<JsonNode> CapabilitiesAsync(RunningServer server) =>
        (await server.Http.GetFromJsonAsync<JsonNode>("/v1/capabilities", Cancel))!;

    private static string? Why(JsonNode capabilities, string model, string size) =>
        (string?)capabilities["not_measured"]!.AsArray()
            .SingleOrDefault(n => (string)n!["model"]! == model && (string)n["size"]! == size)?["why"];
}
