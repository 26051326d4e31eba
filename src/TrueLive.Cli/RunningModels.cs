using System.Net.Http.Headers;
using System.Text.Json;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary>What a running server reports about its models: which are loaded, and what they cost on its machine.</summary>
internal sealed class RunningModels
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, (string Version, string Title, string Words)> _models = [];

    private RunningModels(string title) => Title = title;

    /// <summary>Column heading: the server that answered, or why none did.</summary>
    public string Title { get; }

    /// <summary>The text for a model; null if the server does not have it.</summary>
    public string? Of(string? id) => id is null ? null : _models.GetValueOrDefault(id).Words;

    /// <summary>Those that the server has beside the given ones.</summary>
    public IEnumerable<(string Id, string Version, string Title, string Words)> Except(IEnumerable<string?> ids) =>
        _models.ExceptBy(ids.OfType<string>(), m => m.Key).Select(m => (m.Key, m.Value.Version, m.Value.Title, m.Value.Words));

    /// <summary>Asks a server. If none is named by <paramref name="address"/>, it is not an error that none answers.</summary>
    /// <param name="options">Settings of this installation: their port, and their first key unless TRUELIVE_KEY is set.</param>
    /// <param name="address">Address of the server; null for the one that the settings describe.</param>
    /// <param name="cancel">Ends the wait.</param>
    public static async Task<RunningModels> AskAsync(ServerOptions options, string? address, CancellationToken cancel)
    {
        var scheme = options.TlsCertificate is null && !options.TlsSelfMade ? "http" : "https";
        var at = address ?? $"{scheme}://localhost:{options.Port}{options.PathPrefix}";
        try
        {
            using var http = new HttpClient { Timeout = Patience };
            if ((Environment.GetEnvironmentVariable("TRUELIVE_KEY") ?? options.ApiKeys.FirstOrDefault()) is { } key)
                http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            using var told = JsonDocument.Parse(await http.GetStringAsync(new Uri($"{at.TrimEnd('/')}/v1/capabilities"), cancel)
                .ConfigureAwait(false));
            var running = new RunningModels($"at {at}");
            foreach (var model in told.RootElement.GetProperty("models").EnumerateArray())
            {
                running._models[model.GetProperty("id").GetString()!] =
                    (model.GetProperty("version").GetString()!, model.GetProperty("title").GetString()!, Words(model));
            }
            return running;
        }
        catch (Exception e) when (e is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException
            or UriFormatException
            || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            if (address is not null)
                throw new IOException($"{address} did not say what it has: {e.Message}", e);
            return new RunningModels("no server runs");
        }
    }

    private static string Words(JsonElement model)
    {
        if (model.TryGetProperty("broken", out var broken))
            return broken.GetString()!;
        var memory = model.TryGetProperty("memory_mb", out var mb) ? $", about {mb.GetDouble():0.#} MB" : "";
        var rate = model.TryGetProperty("about_fps", out var fps) ? $"about {fps.GetDouble():0.#} frames per second" : "not measured yet";
        rate += model.TryGetProperty("not_live", out _) ? ", for clips" : "";
        return FormattableString.Invariant($"{(model.GetProperty("warm").GetBoolean() ? "warm" : "not loaded")}{memory}, {rate}");
    }
}
