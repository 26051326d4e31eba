using System.Globalization;

namespace TrueLive.Models.Devices;

/// <summary>What the graphs of models run on.</summary>
/// <param name="Gpu">Number of an NVIDIA GPU; null for the processor.</param>
public sealed record ComputeDevice(int? Gpu)
{
    private const int MaxGpu = 63;

    /// <summary>The processor.</summary>
    public static ComputeDevice Processor { get; } = new((int?)null);

    /// <summary>How it is written: <c>cpu</c> or <c>cuda:N</c>.</summary>
    public override string ToString() => Gpu is { } number ? FormattableString.Invariant($"cuda:{number}") : "cpu";

    /// <summary>Reads a setting.</summary>
    /// <param name="text"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="device">Null for <c>auto</c>.</param>
    public static bool TryParse(string? text, out ComputeDevice? device)
    {
        device = text switch
        {
            "cpu" => Processor,
            "cuda" => new ComputeDevice(0),
            _ when text?.StartsWith("cuda:", StringComparison.Ordinal) == true
                && int.TryParse(text.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number <= MaxGpu => new ComputeDevice(number),
            _ => null,
        };
        return device is not null || text == "auto";
    }
}
