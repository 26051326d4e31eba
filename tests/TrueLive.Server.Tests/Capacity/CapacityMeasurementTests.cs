using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server.Capacity;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Capacity;

public sealed class CapacityMeasurementTests
{
    /// <summary>A network that loads well and fails when it is to run: when its memory is made, or in each step.</summary>
    private sealed class Failing(Exception? making, Exception stepping) : IVideoModel
    {
        private readonly PassthroughModel _whole = new();

        public ModelInfo Info => _whole.Info with { Id = "failing" };

        public PromptReading Read(string text) => _whole.Read(text);

        public IModelSession CreateSession(int width, int height) => making is null ? new Session(_whole.CreateSession(width, height), stepping) : throw making;

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
        var chunked = new HoldingModel(new FramePool("chunked"), new Chunk(4, 4, 0)) { OnStep = inside => never.Wait(inside == 3 ? 40 : 0) };
        await using var server = await RunningServer.StartAsync(models: [chunked, new PassthroughModel()]);
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken);
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
        var measurement = server.Services.GetRequiredService<CapacityMeasurement>();
        await measurement.Finished.WaitAsync(TimeSpan.FromMinutes(5), TestContext.Current.CancellationToken);
        var costs = server.Services.GetRequiredService<Admission>().Costs;
        Assert.Equal(["passthrough"], costs.Select(c => c.ModelId).Distinct());
        Assert.All(costs, c => Assert.InRange(c.CpuMs, 0.001, 1000));
        Assert.False(server.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.IsCancellationRequested);
    }
}
