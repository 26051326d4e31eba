using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Server;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.EndToEnd.Tests;

/// <summary>
/// The probe, which knows nothing of models, measures sessions of models that are late by design. It needs a machine on which it can keep
/// its own timing: a run that reports that it could not does not count.
/// </summary>
[Trait("Run", "full")]
public sealed class ProbedModelsTests
{
    private const double FrameMs = 1000 / 30.0;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_delay_that_steps_a_stream_batch_and_a_chunk_have_by_design_is_found_within_a_frame()
    {
        var alone = await MedianAsync(new PassthroughModel());
        foreach (var (model, waits) in new (IVideoModel, double)[]
        {
            (Pipeline("[45]"), 0), (Pipeline("[42, 44, 46, 48]"), 0), (Pipeline("[42, 44, 46, 48]", "\"throughput\": true"), 3 * FrameMs),
            (new TintingModel(new Chunk(4, 4, 0)), 3 * FrameMs),
        })
        {
            using (model)
            {
                Assert.Equal(waits, model.Info.Chunk.Wait(TimeSpan.FromSeconds(1 / 30.0)).TotalMilliseconds, 0.1);
                Assert.InRange(await MedianAsync(model) - alone, waits - FrameMs, waits + FrameMs);
            }
        }
    }

    // A chunk of four at 30 frames a second spans 133 ms, and the probe calls up to 150 ms live by frames.
    [Fact]
    public async Task A_model_of_chunks_is_told_from_one_of_frames_by_when_prompts_take_effect()
    {
        var reports = await Task.WhenAll(new[] { Chunk.One,
            new Chunk(12, 12, 0) }.Select(chunk => ReportAsync(new TintingModel(chunk), "quick")));
        Assert.Equal(["T3-F", "T3-C"], reports.Select(r => (string)r["verdict"]!["tier"]!));
    }

    private static async Task<double> MedianAsync(IVideoModel model) =>
        (double)(await ReportAsync(model, "glance"))["metrics"]!["delay.D50"]!["value"]!;

    private static async Task<JsonNode> ReportAsync(IVideoModel model, string profile)
    {
        var folder = Directory.CreateTempSubdirectory("truelive-probed-").FullName;
        try
        {
            await using var app = TrueLiveServer.Build(
                new ServerOptions
                {
                    Port = 0,
                    WebrtcPort = 0,
                    LogLevel = "Error",
                    Clips = false,
                    MaxSessions = 1,
                    DataFolder = Path.Combine(folder, "data")
                }, new ModelStore([model]));
            await app.StartAsync(Cancel);
            var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
            string[] words = ["probe", "truelive", address, "--size", "256x144", "--profile", profile, "--progress", "plain", "--out",
                Path.Combine(folder, "report")];
            using var probe = Process.Start(new ProcessStartInfo("dotnet",
                [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), .. words])
            { RedirectStandardError = true, RedirectStandardOutput = true })!;
            var said = Task.WhenAll(probe.StandardOutput.ReadToEndAsync(Cancel), probe.StandardError.ReadToEndAsync(Cancel));
            await probe.WaitForExitAsync(Cancel);
            TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', await said));
            var report = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(folder, "report", "report.json"), Cancel))!;
            var sentence = (string)report["verdict"]!["sentence"]!;
            Assert.SkipWhen((string)report["run"]!["validity"]! == "INVALID", $"{model.Info.Title}: {sentence}");
            return report;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // The test pipeline at steps so late that the probe's codes survive it.
    private static FolderModel Pipeline(string steps, string more = "\"seed\": 2")
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "TrueLive.slnx")))
            root = root.Parent!;
        var original = Path.Combine(root.FullName, "samples", "models", "tiny-diffusion");
        var folder = Directory.CreateTempSubdirectory("truelive-pipeline-").FullName;
        try
        {
            foreach (var file in Directory.EnumerateFiles(original, "*", SearchOption.AllDirectories))
            {
                var to = Path.Combine(folder, Path.GetRelativePath(original, file));
                Directory.CreateDirectory(Path.GetDirectoryName(to)!);
                File.Copy(file, to);
            }
            var path = Path.Combine(folder, "manifest.json");
            var manifest = JsonNode.Parse(File.ReadAllText(path))!;
            manifest["diffusion"] = JsonNode.Parse($$"""{ "steps": {{steps}}, {{more}} }""");
            File.WriteAllText(path, manifest.ToJsonString());
            return ModelLoader.Load(folder, 0, TimeProvider.System);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
