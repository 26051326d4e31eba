using TrueLive.Hub.Repositories;
using TrueLive.Hub.Transfer;
using TrueLive.Models.Tests.Onnx;

namespace TrueLive.Hub.Tests;

/// <summary>Somebody who pulls from a stand-in hub, with a home of their own.</summary>
internal sealed class Puller : IDisposable
{
    public const string Repository = "acme/model";

    private readonly TimeProvider _time;
    private readonly bool _guest;

    public Puller(Uri? hub, string? token = null, bool offline = false, TimeProvider? time = null, string? home = null)
    {
        (_guest, _time, Home) = (home is not null, time ?? TimeProvider.System, home
            ?? Directory.CreateTempSubdirectory("truelive-hub-").FullName);
        Variables = new()
        {
            ["HF_ENDPOINT"] = hub?.ToString(),
            ["HF_HOME"] = Path.Combine(Home, "hf"),
            ["HF_TOKEN"] = token,
            ["HF_HUB_OFFLINE"] = offline ? "1" : null,
            ["HOME"] = Home
        };
    }

    public Dictionary<string, string?> Variables { get; }

    public string Home { get; }

    public string Place => Path.Combine(Home, "pulled");

    public string Cache => Path.Combine(Home, "hf", "hub");

    /// <summary>Where the cache keeps a repository.</summary>
    public string Kept => Path.Combine(Cache, "models--acme--model");

    /// <summary>Where a content lies while it is not whole.</summary>
    public string Partial(string name) => Path.Combine(Kept, "blobs", name + ".incomplete");

    /// <summary>All files below the home, as names.</summary>
    public string[] Everything => [.. Directory.EnumerateFiles(Home, "*", SearchOption.AllDirectories)
        .Select(f => Path.GetRelativePath(Home, f)).Order(StringComparer.Ordinal)];

    public static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The small pipeline of the repository's samples.</summary>
    public static Dictionary<string, byte[]> Pipeline(params string[] without)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "samples", "tiny-diffusion");
        return Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(folder, f))
            .Where(n => !without.Contains(n))
            .ToDictionary(n => n, n => File.ReadAllBytes(Path.Combine(folder, n)));
    }

    /// <summary>A network of one file that is padded to a length, so that it is sent in parts.</summary>
    public static byte[] Network(int padding = 0, float factor = 0.5f)
    {
        var graph = new OnnxGraph().Input("x", Element.Float, 1, 3, 0, 0).Output("y", Element.Float, 1, 3, 0, 0).Constant("f", [factor], 1);
        return (padding > 0 ? graph.Constant("padding", Enumerable.Range(0, padding / 4).Select(i => (float)i).ToArray(), padding / 4)
            : graph).Node("Mul", ["x", "f"], ["y"]).Bytes();
    }

    public ModelPull Open() => new(HubSettings.Read(n => Variables.GetValueOrDefault(n)), _time);

    /// <summary>Plans and downloads.</summary>
    public async Task<(PullPlan Plan, IReadOnlyDictionary<PlannedFile, string> Places)> BringAsync(string source = Repository,
        string? network = null)
    {
        using var pull = Open();
        var plan = await pull.PlanAsync(source, network, null, Cancel);
        return (plan, await pull.RunAsync(plan, new Progress<(PlannedFile, long)>(), Cancel));
    }

    /// <summary>All of it, as the command does; the folder of the model.</summary>
    public async Task<string> PullAsync(string source = Repository, string? network = null)
    {
        var (plan, places) = await BringAsync(source, network);
        return ModelFolder.Install(plan, places, Place, _time);
    }

    /// <summary>Why it is refused.</summary>
    public async Task<string> RefusedAsync(string source = Repository) =>
        (await Assert.ThrowsAsync<HubException>(() => PullAsync(source))).Message;

    public void Dispose()
    {
        if (!_guest)
            Directory.Delete(Home, recursive: true);
    }
}
