using System.Text.Json;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Models;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Server;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>Loads each model and runs a step, then lets a server measure the capacity for the default model.</summary>
internal sealed class ModelChecks(ServerOptions options, TimeProvider time) : IDisposable
{
    private const int Steps = 5;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private IVideoModel? _chosen;

    public IEnumerable<Finding> Run()
    {
        var ids = new List<string> { "passthrough" };
        foreach (var folder in ModelFolders.In(options.ModelPlaces))
            yield return Load(folder, ids);
        if (options.Model.Length > 0 && !ids.Contains(options.Model))
            yield return Finding.Wrong("models", $"--model is '{options.Model}', which is not among them: {string.Join(", ", ids)}.",
                "Name one of these, or add the model: truelive models add FOLDER.");
        else if (_chosen is null && options.Model != "passthrough")
            yield return Finding.Wrong("models", "no model can be used here: pictures would pass through unchanged.",
                "Install TrueLive anew; its own network lies in the folder models beside the program.");
    }

    /// <summary>
    /// Starts a server on free ports with a temporary folder and the default model, and reads the capacity that it measured.
    /// </summary>
    public async Task<Finding> CapacityAsync(CancellationToken cancel)
    {
        const string Part = "capacity";
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(Patience);
        var folder = Directory.CreateTempSubdirectory("truelive-doctor-");
        var model = _chosen ?? new PassthroughModel();
        try
        {
            var trial = new ServerOptions
            {
                Port = 0,
                WebrtcPort = 0,
                DataFolder = folder.FullName,
                Clips = false,
                LogLevel = "None",
                Size = options.Size,
                ModelThreads = options.ModelThreads,
                TargetRate = options.TargetRate,
                MaxSessions = options.MaxSessions,
            };
            await using var app = TrueLiveServer.Build(trial, new ModelStore([model]), time);
            _chosen = null;
            await app.StartAsync(limit.Token).ConfigureAwait(false);
            using var http = new HttpClient
            {
                BaseAddress =
                new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First())
            };
            while (!(await http.GetAsync("/readyz", limit.Token).ConfigureAwait(false)).IsSuccessStatusCode)
                await Task.Delay(Poll, time, limit.Token).ConfigureAwait(false);
            using var answer = JsonDocument.Parse(await http.GetStringAsync("/v1/capabilities", limit.Token).ConfigureAwait(false));
            await app.StopAsync(limit.Token).ConfigureAwait(false);
            var (width, height) = model.Info.Sizes.Nearest(options.SizePixels.Width, options.SizePixels.Height);
            var size = $"{width}x{height}";
            if (answer.RootElement.GetProperty("capacity").EnumerateArray()
                .FirstOrDefault(c => c.GetProperty("size").GetString() == size) is not { ValueKind: JsonValueKind.Object } found)
                return Finding.Wrong(Part, $"{model.Info.Id} failed at {size} while it was measured.",
                    $"See how: truelive models check {model.Info.Id} --sizes {size}.");
            var step = found.GetProperty("step_ms").GetDouble();
            var says = FormattableString.Invariant(
                $"{model.Info.Id} at {size}: {step:0.0} ms a step, {found.GetProperty("cpu_ms_per_frame").GetDouble():0.0} ms of processor time a frame (n={found.GetProperty("frames_measured").GetInt32()}): {found.GetProperty("sessions").GetInt32()} live session(s) at {options.TargetRate} frames per second, beside what runs now");
            return step <= 1000.0 / options.TargetRate ? Finding.Right(Part, says)
                : Finding.Note(Part, says,
                    FormattableString.Invariant(
                    $"A step takes longer than a frame lasts, so at most {1000 / step:0} frames per second are generated. Lower --size or --target-rate, or end other work."));
        }
        catch (ConfigurationException wrong)
        {
            return Finding.Wrong(Part, $"it cannot be measured: {wrong.Problems[0]}", "Mend what is named above, then look again.");
        }
        catch (Exception e) when (e is IOException or HttpRequestException
            || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return Finding.Wrong(Part,
                $"a server did not start, or did not measure the machine within {Patience.TotalMinutes:0} minutes: {e.Message}",
                "End other work on this machine, then look again.");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    public void Dispose() => _chosen?.Dispose();

    private Finding Load(string folder, List<string> ids)
    {
        const string Mend = "The server leaves it out. Correct what is named (models/README.md explains every field), or move the " +
            "folder away.";
        try
        {
            var model = ModelLoader.Load(options.ManifestOf(folder), options.ModelThreads, time);
            var info = model.Info;
            if (ids.Contains(info.Id))
            {
                model.Dispose();
                return Finding.Wrong("models", $"{folder} has the id '{info.Id}', which another model has.",
                    "The server leaves it out. Give it another id in its manifest.json.");
            }
            ids.Add(info.Id);
            var (width, height) = info.Sizes.Nearest(options.SizePixels.Width, options.SizePixels.Height);
            try
            {
                var ms = model.Measure(width, height, Steps, time);
                return Finding.Right("models",
                    FormattableString.Invariant(
                    $"{info.Id} {info.Version}: {info.Looks.Count} looks, {ms:0.0} ms a step at {width}x{height} on {model.Threads} thread(s) (median, n={Steps})"));
            }
            finally
            {
                if (_chosen is null || info.Id == options.Model)
                    (_chosen, model) = (model, _chosen as FolderModel);
                model?.Dispose();
            }
        }
        catch (Exception e) when (e is ModelException or ModelStepException)
        {
            return Finding.Wrong("models", $"{folder}: {e.Message}", Mend);
        }
    }
}
