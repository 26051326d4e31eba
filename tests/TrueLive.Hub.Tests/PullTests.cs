using System.Text.Json.Nodes;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Hub.Layouts;
using TrueLive.Hub.Repositories;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;

namespace TrueLive.Hub.Tests;

/// <summary>Models as they lie on a hub, pulled and run.</summary>
public sealed class PullTests
{
    [Fact]
    public async Task A_pipeline_is_pulled_into_the_shared_cache_and_runs()
    {
        var files = Puller.Pipeline();
        files["README.md"] = "---\nlicense: mit\n---\n"u8.ToArray();
        files["unet/diffusion_pytorch_model.bin"] = new byte[50_000];
        files["train.py"] = "print(1)"u8.ToArray();
        await using var hub = await StandInHub.StartAsync(Puller.Repository, files);
        using var puller = new Puller(hub.Address);
        var (plan, places) = await puller.BringAsync();
        Assert.Equal(("model", "mit", StandInHub.Commit), (plan.Id, plan.Licence, plan.Commit));
        Assert.Equal(files.Keys.Except(["unet/diffusion_pytorch_model.bin", "train.py"]).Order(), plan.Files.Select(f => f.File.Path)
            .Order());
        Assert.Equal(plan.Files.Sum(f => (long)files[f.File.Path].Length), plan.Bytes);
        // Large files come from the store, small ones from the hub, each once.
        Assert.Equal(plan.Files.Count(f => f.File.Size > 20_000), hub.Requests.Count(r => r.OfStore));
        Assert.DoesNotContain(hub.Downloads, r => r.Path.EndsWith(".bin", StringComparison.Ordinal)
            || r.Path.EndsWith(".py", StringComparison.Ordinal));

        // Other programs find the same files where they look for them.
        Assert.Equal(StandInHub.Commit, await File.ReadAllTextAsync(Path.Combine(puller.Kept, "refs", "main"), Puller.Cancel));
        var unet = Path.Combine(puller.Kept, "snapshots", StandInHub.Commit, "unet", "model.onnx");
        Assert.Equal("../../../blobs/" + StandInHub.Sha256(files["unet/model.onnx"]), new FileInfo(unet).LinkTarget);
        Assert.Equal(files["unet/model.onnx"], await File.ReadAllBytesAsync(unet, Puller.Cancel));

        var folder = ModelFolder.Install(plan, places, puller.Place, TimeProvider.System);
        using var model = ModelLoader.Load(ModelManifest.Load(folder, ModelFolders.TrustOf(folder, puller.Place)), 1, TimeProvider.System);
        Assert.Equal(("model", "Tiny diffusion (for tests)"), (model.Info.Id, model.Info.Title));
        Check(model);
        Assert.Equal(ModelTrust.Pulled, model.Manifest.Trust);

        // A second time nothing is downloaded, and the folder is made anew.
        hub.Requests.Clear();
        await puller.PullAsync();
        Assert.Empty(hub.Downloads);
    }

    [Fact]
    public async Task A_pipeline_without_a_manifest_gets_one_from_its_parts()
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, Puller.Pipeline("manifest.json"));
        using var puller = new Puller(hub.Address);
        var folder = await puller.PullAsync();
        var manifest = ModelManifest.Load(folder, ModelTrust.Pulled);
        Assert.Equal((Guidance.Full, 5), (manifest.Diffusion!.Guidance, manifest.Diffusion.Steps.Length));
        Assert.Equal(("mit", "cccccccccccc", 64), (manifest.Licence, manifest.Version, manifest.Size!.Multiple));
        using var model = ModelLoader.Load(manifest, 1, TimeProvider.System);
        Check(model);
    }

    [Fact]
    public async Task A_short_name_may_stand_for_two_repositories()
    {
        var known = KnownModel.Find("lcm-dreamshaper")!;
        await using var hub = await StandInHub.StartAsync(known.Repository.Id, Puller.Pipeline("manifest.json", "vae_encoder/model.onnx"));
        hub.Add(known.Autoencoder!.Id, Puller.Pipeline("manifest.json", "unet/model.onnx"));
        using var puller = new Puller(hub.Address);
        var folder = await puller.PullAsync("lcm-dreamshaper");
        var manifest = ModelManifest.Load(folder, ModelTrust.Pulled);
        Assert.Equal(("lcm-dreamshaper", known.Title, 1f), (manifest.Id, manifest.Title, manifest.Diffusion!.LatentScale));
        Assert.Equal([32, 45], manifest.Diffusion.Steps);
        Assert.Equal(2, Directory.GetDirectories(puller.Cache, "models--*").Length);
        Assert.Equal(known.Repository.Id, PulledRecord.Read(folder).Repository);
    }

    [Theory]
    [InlineData(1, 1, null)]
    [InlineData(1, 255, "[0,255]")]
    [InlineData(-1, 1, "[-1,1]")]
    public async Task A_network_of_one_file_gets_a_manifest_from_its_tensors_and_from_trying_it(int low, int high, string? range)
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, new() { ["style.onnx"] = Puller.Network(factor: low * high) });
        using var puller = new Puller(hub.Address);
        var folder = await puller.PullAsync();
        using var model = ModelLoader.Load(ModelManifest.Load(folder, ModelTrust.Pulled), 1, TimeProvider.System);
        Assert.Equal(("style.onnx", "x", "y"), (model.Manifest.File, model.Manifest.Frame!.Input, model.Manifest.Output!.Name));
        var text = await File.ReadAllTextAsync(Path.Combine(folder, "manifest.json"), Puller.Cancel);
        Assert.Equal(range, JsonNode.Parse(text)!["frame"]!["range"]?.ToJsonString());
    }

    [Fact]
    public void A_pipeline_with_two_text_encoders_and_numbers_beside_its_graphs_is_chosen_whole()
    {
        string[] names =
        [
            .. DiffusionSpec.Files(_ => false), "text_encoder_2/model.onnx", "text_encoder_2/model.onnx_data", "tokenizer_2/vocab.json",
            "tokenizer_2/merges.txt", "tokenizer_2/special_tokens_map.json", "unet/model.onnx_data", "LICENSE.md",
        ];
        string[] more = ["unet/diffusion_pytorch_model.safetensors", "sd_xl_turbo_1.0.safetensors", "vae/config.json",
            "unet/config.json", "output_tile.jpg"];
        Assert.Equal(names.Order(), RepositoryLayout.Choose([.. names, .. more], null, "acme/model").Files.Order());
        var wrong = Assert.Throws<HubException>(() => RepositoryLayout.Choose([.. names.Where(n => n != "tokenizer_2/vocab.json")],
            null, "acme/model"));
        Assert.Contains("lacks tokenizer_2/vocab.json", wrong.Message, StringComparison.Ordinal);
        // Newer exporters write a tokenizer as one file.
        string[] whole = [.. names.Where(n => n is not ("tokenizer/vocab.json" or "tokenizer/merges.txt")), "tokenizer/tokenizer.json"];
        Assert.Equal(whole.Order(), RepositoryLayout.Choose([.. whole, "tokenizer_2/tokenizer.json"], null, "acme/model").Files.Order());
    }

    [Fact]
    public async Task Of_several_networks_one_is_named()
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository,
            new() { ["a.onnx"] = Puller.Network(), ["onnx/b.onnx"] = Puller.Network(factor: 0.25f) });
        using var puller = new Puller(hub.Address);
        Assert.Contains("holds 2 ONNX files. Name one with --file: a.onnx, onnx/b.onnx", await puller.RefusedAsync(),
            StringComparison.Ordinal);
        var folder = await puller.PullAsync(network: "onnx/b.onnx");
        Assert.Equal(["b.onnx", "manifest.json", "pulled.json"], Directory.EnumerateFiles(folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_short_name_is_not_taken_from_another_repository()
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, new() { ["a.onnx"] = Puller.Network() });
        hub.Add("other/model", new() { ["a.onnx"] = Puller.Network(factor: 0.25f) });
        using var puller = new Puller(hub.Address);
        await puller.PullAsync();
        Assert.Contains("'model' is already the model of acme/model. Choose another short name with --id",
            await puller.RefusedAsync("other/model"), StringComparison.Ordinal);
        await puller.PullAsync("acme/model@v2");
    }

    [Fact]
    public async Task An_exported_folder_is_imported_and_one_in_a_cache_with_its_links()
    {
        await using var hub = await StandInHub.StartAsync(Puller.Repository, Puller.Pipeline("manifest.json"));
        using var puller = new Puller(hub.Address);
        await puller.BringAsync();
        var snapshot = Path.Combine(puller.Kept, "snapshots", StandInHub.Commit);
        var folder = ModelFolder.Import(snapshot, null, "mine", puller.Place, TimeProvider.System);
        Assert.Null(new FileInfo(Path.Combine(folder, "unet", "model.onnx")).LinkTarget);
        using (var model = ModelLoader.Load(folder, 1, TimeProvider.System))
            Check(model);
        Assert.Contains("Choose another short name", Assert.Throws<HubException>(() =>
            ModelFolder.Import(snapshot, null, "mine", puller.Place, TimeProvider.System)).Message, StringComparison.Ordinal);

        // A link to anywhere else is not followed.
        var secret = Path.Combine(puller.Home, "secret.json");
        await File.WriteAllTextAsync(secret, "{}", Puller.Cancel);
        var vocabulary = new FileInfo(Path.Combine(snapshot, "tokenizer", "vocab.json"));
        vocabulary.Delete();
        vocabulary.CreateAsSymbolicLink(secret);
        Assert.Contains("is a link to", Assert.Throws<HubException>(() =>
            ModelFolder.Import(snapshot, null, "other", puller.Place, TimeProvider.System)).Message, StringComparison.Ordinal);
        Assert.DoesNotContain(puller.Everything, f => f.Contains("other", StringComparison.Ordinal));
    }

    private static void Check(FolderModel model)
    {
        var pool = new FramePool("pull");
        using var frame = pool.Rent(128, 128);
        frame.Y.Fill(100);
        frame.U.Fill(110);
        frame.V.Fill(140);
        using var report = ModelCheck.Run(model, [frame, frame], [], "ink", TimeProvider.System);
        Assert.Equal(0, report.Output!.NotFinite);
    }
}
