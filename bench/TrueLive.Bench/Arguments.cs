using System.Globalization;

namespace TrueLive.Bench;

/// <summary>Flags of the benchmarks: <c>--name value</c>, or <c>--name</c> alone.</summary>
internal sealed class Arguments(string[] args)
{
    /// <summary>Whether a flag is given.</summary>
    public bool Has(string name) => args.Contains(name);

    /// <summary>Value of a flag; <paramref name="usual"/> when it is not given.</summary>
    /// <exception cref="ArgumentException">The value is not a number above 0.</exception>
    public double Number(string name, double usual)
    {
        if (Text(name) is not { } text)
            return usual;
        return double.TryParse(text, CultureInfo.InvariantCulture, out var value) && value > 0
            ? value
            : throw new ArgumentException($"{name} takes a number above 0, not '{text}'.");
    }

    /// <summary>Value of a flag; null when it is not given.</summary>
    public string? Text(string name) => Array.IndexOf(args, name) is >= 0 and var at && at + 1 < args.Length ? args[at + 1] : null;
}
