using System.Text.RegularExpressions;

namespace TrueLive.Probe.Targets;

/// <summary>
/// An adapter script in a browser: it exports <c>connect(stream, probe)</c>, which returns the output stream, and perhaps
/// <c>prompt(text)</c>. A vendor's own SDK is thus measured as its users experience it. A frame of a stream counts as seen when it can be
/// read; if the script returns a video element instead, when the browser expects the frame on the display
/// (<c>requestVideoFrameCallback</c>). The adapter gets only those environment variables that it names in <c>export const environment =
/// [...]</c>.
/// </summary>
public sealed partial class PageTarget : BrowserTarget
{
    private readonly string _adapter;
    private readonly IReadOnlyDictionary<string, string> _variables;
    private readonly Dictionary<string, string> _environment = [];

    /// <summary>Creates a target; <see cref="BrowserTarget.ConnectAsync"/> starts the browser.</summary>
    /// <param name="adapter">Path of the script.</param>
    /// <param name="browser">The browser.</param>
    /// <param name="variables">Variables for the adapter: addresses, model names; no secrets.</param>
    /// <param name="time">The run's clock.</param>
    /// <exception cref="TargetException">There is no such script, or an environment variable that it names is not set.</exception>
    public PageTarget(string adapter, BrowserOptions browser, IReadOnlyDictionary<string, string> variables, TimeProvider time)
        : base(browser, time)
    {
        (_adapter, _variables) = (adapter, variables);
        if (!File.Exists(adapter))
            throw new TargetException($"{adapter} does not exist.");
        foreach (var name in Named(File.ReadAllText(adapter)))
            _environment[name] = Environment.GetEnvironmentVariable(name) is { Length: > 0 } value
                ? value
                : throw new TargetException($"{Path.GetFileName(adapter)} needs the environment variable {name}.");
    }

    /// <inheritdoc/>
    public override string Description =>
        $"page {Path.GetFileName(_adapter)}" + string.Concat(_variables.Select(v => $" {v.Key}={v.Value}"))
        + (OnDisplay ? " (as displayed)" : "");

    private protected override string Name => Path.GetFileName(_adapter);

    private protected override string Speaker => "the adapter";

    /// <summary>The environment variables that an adapter names.</summary>
    internal static IReadOnlyList<string> Named(string script) =>
        EnvironmentList().Match(script) is { Success: true } list
            ? [.. QuotedName().Matches(list.Groups[1].Value).Select(m => m.Groups[1].Value)]
            : [];

    private protected override PageHost Host() => new(_adapter);

    private protected override string FirstPage(PageHost host) => host.Page;

    private protected override object Order(PageHost host) =>
        new { connect = new { module = host.Module, environment = _environment, variables = _variables } };

    [GeneratedRegex(@"export\s+const\s+environment\s*=\s*\[([^\]]*)\]")]
    private static partial Regex EnvironmentList();

    [GeneratedRegex("['\"]([A-Za-z_][A-Za-z0-9_]*)['\"]")]
    private static partial Regex QuotedName();
}
