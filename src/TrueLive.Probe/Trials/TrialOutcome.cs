using TrueLive.Probe.Estimators;
using TrueLive.Probe.Reports;

namespace TrueLive.Probe.Trials;

/// <summary>What a trial showed, collected while it goes on.</summary>
internal sealed class TrialOutcome(TrialKind kind)
{
    /// <summary>All numbers by name, those that were not measured with the reason.</summary>
    public SortedDictionary<string, Metric> Metrics { get; } = new(StringComparer.Ordinal);

    /// <summary>What a reader must know, in words.</summary>
    public List<string> Notes { get; } = [];

    /// <summary>Adds a number with its interval.</summary>
    public void Add(string name, Estimate estimate, double scale, string unit, string method) =>
        Metrics[Key(name)] = ReportBuilder.Of(estimate, scale, unit, method);

    /// <summary>Adds a number without an interval.</summary>
    public void Add(string name, double value, string unit, string method, int? n = null) =>
        Metrics[Key(name)] = new Metric { Value = ReportBuilder.Round(value), Unit = unit, Method = method, N = n };

    /// <summary>Adds a test.</summary>
    public void Add(string name, NullTest test, string method) => Metrics[Key(name)] =
        new Metric { Value = ReportBuilder.Round(test.P), Unit = "1", K = test.K, Z = ReportBuilder.Round(test.Z), Method = method };

    /// <summary>Says why a number is not there.</summary>
    public void Missing(string name, string unit, string why) => Metrics[Key(name)] = new Metric { Unit = unit, Method = why };

    /// <summary>The trial as the report has it.</summary>
    public TrialSection Section(string result, string sentence) => new(Name, result, sentence, Notes);

    private string Name => kind.ToString().ToLowerInvariant();

    private string Key(string name) => $"{Name}.{name}";
}
