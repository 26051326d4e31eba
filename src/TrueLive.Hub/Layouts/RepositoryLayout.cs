using System.Text.RegularExpressions;
using TrueLive.Hub.Repositories;
using TrueLive.Models.Manifest;

namespace TrueLive.Hub.Layouts;

/// <summary>The files of a repository that a model needs, by their names alone: nothing else is downloaded.</summary>
/// <param name="Network">The ONNX file of a model of one file; null for a pipeline.</param>
/// <param name="Files">What is needed, the network or the pipeline's parts with their external data, and licence and readme.</param>
public sealed partial record RepositoryLayout(string? Network, IReadOnlyList<string> Files)
{
    private const int MaxNamed = 20;

    /// <summary>The repository has a manifest of our own.</summary>
    public bool HasManifest { get; init; }

    /// <summary>Where a file goes in the model's folder: a network of one file lies right in it, with its data.</summary>
    internal string PlaceOf(string path) => Network is { } network && network.Contains('/')
        && Path.GetDirectoryName(path) == Path.GetDirectoryName(network) ? Path.GetFileName(path) : path;

    /// <summary>Licence, notice and readme.</summary>
    internal static bool IsText(string path) => TextName().IsMatch(path);

    /// <summary>Chooses.</summary>
    /// <param name="names">All files of the repository.</param>
    /// <param name="network">The ONNX file that was asked for; null where there is one only.</param>
    /// <param name="what">The repository, for messages.</param>
    /// <exception cref="HubException">It holds no model that can be used; the message says what it holds, and what to do.</exception>
    internal static RepositoryLayout Choose(IReadOnlyCollection<string> names, string? network, string what)
    {
        var texts = names.Where(IsText);
        if (network is null && names.Contains("unet/model.onnx"))
        {
            var parts = DiffusionSpec.Files(names.Contains);
            var missing = parts.Where(p => !names.Contains(p)).ToList();
            if (missing.Count > 0)
                throw new HubException($"{what} looks like a diffusion pipeline, but lacks {string.Join(", ", missing)}. "
                    + "docs/diffusion.md lists what belongs to one.");
            return new RepositoryLayout(null, [.. parts.Concat(texts).Distinct()]);
        }
        var all = names.Where(n => n.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase)).Order(StringComparer.Ordinal).ToList();
        var chosen = network is not null ? all.FirstOrDefault(n => n == network) : all.Count == 1 ? all[0] : null;
        if (chosen is null)
        {
            var wanted = network is null ? ". Name one with --file" : $", and none of them is {network}";
            throw new HubException(all.Count == 0
                ? WithoutNetwork(names, what)
                : $"{what} holds {all.Count} ONNX files{wanted}: {Named(all)}.");
        }
        return new RepositoryLayout(chosen, [.. Data(chosen, names).Prepend(chosen).Concat(texts).Distinct()]);
    }

    // Numbers that an exporter put beside the graph.
    private static IEnumerable<string> Data(string network, IReadOnlyCollection<string> names)
    {
        var folder = network[..(network.LastIndexOf('/') + 1)];
        return !network.EndsWith(".onnx", StringComparison.OrdinalIgnoreCase) ? []
            : new[] { network + "_data", network + ".data", folder + "weights.pb" }.Where(names.Contains);
    }

    private static string WithoutNetwork(IReadOnlyCollection<string> names, string what)
    {
        var held = names.Any(n => PickleName().IsMatch(n)) ? "pickles, which run code when they are read and are never downloaded"
            : names.Any(n => n.EndsWith(".safetensors", StringComparison.Ordinal)) ? "weights for PyTorch (safetensors)"
            : $"{names.Count} other files";
        return $"{what} holds no ONNX file, but {held}. Look for a repository with its ONNX export, or export it yourself "
            + "(optimum-cli export onnx --model NAME FOLDER), then: truelive models pull FOLDER.";
    }

    private static string Named(List<string> all) => string.Join(", ", all.Take(MaxNamed).Select(n => Text.Shown(n)))
        + (all.Count > MaxNamed ? ", ..." : "");

    [GeneratedRegex(@"^(LICEN[CS]E|NOTICE|README)[A-Za-z0-9._-]{0,40}$", RegexOptions.IgnoreCase)]
    private static partial Regex TextName();

    [GeneratedRegex(@"\.(bin|pt|pth|ckpt|pkl|pickle)$", RegexOptions.IgnoreCase)]
    private static partial Regex PickleName();
}
