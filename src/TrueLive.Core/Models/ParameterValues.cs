using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace TrueLive.Core.Models;

/// <summary>
/// The values of a model's parameters, as text: only those that differ from their defaults. Immutable, with value equality.
/// </summary>
public sealed class ParameterValues : IEquatable<ParameterValues>
{
    /// <summary>Longest text taken, in characters.</summary>
    public const int MaxText = 200;

    // Only those that the values name.
    private readonly ImmutableArray<ReferencePicture> _pictures;

    private ParameterValues(ImmutableSortedDictionary<string, string> all, ImmutableArray<ReferencePicture> pictures) =>
        (All, _pictures) = (all, pictures);

    /// <summary>Every parameter has its default.</summary>
    public static ParameterValues None { get; } = new(ImmutableSortedDictionary.Create<string, string>(StringComparer.Ordinal), []);

    /// <summary>Values by parameter id; that of a picture is its <see cref="ReferencePicture.Id"/>.</summary>
    public ImmutableSortedDictionary<string, string> All { get; }

    /// <summary>The pictures that the values name.</summary>
    public IReadOnlyList<ReferencePicture> Pictures => _pictures;

    /// <summary>The value of a number, or <paramref name="otherwise"/> where none is set, or what is set is no number.</summary>
    public double Number(string id, double otherwise) =>
        double.TryParse(Text(id), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : otherwise;

    /// <summary>The value of a choice or text; null where none is set.</summary>
    public string? Text(string id) => All.GetValueOrDefault(id);

    /// <summary>The picture that a parameter is set to; null where none is.</summary>
    public ReferencePicture? Picture(string id) => Text(id) is { } named ? _pictures.FirstOrDefault(p => p.Id == named) : null;

    /// <summary>
    /// These values with some changed; a number is rounded to the nearest step. On failure <paramref name="error"/> says what is allowed.
    /// </summary>
    /// <param name="declared">What the model declares.</param>
    /// <param name="given">Ids and values; a number as .NET's invariant culture writes it, a flag as <c>true</c> or <c>false</c>.</param>
    /// <param name="changed">The values in force afterwards.</param>
    /// <param name="error">Null when all values were taken; otherwise none was.</param>
    /// <param name="pictures">Pictures that a value may name by id, besides those already in use; an empty value clears a picture.</param>
    public bool TrySet(
        IReadOnlyList<ModelParameter> declared, IEnumerable<KeyValuePair<string, string>> given,
        [NotNullWhen(true)] out ParameterValues? changed, [NotNullWhen(false)] out string? error,
        IReadOnlyList<ReferencePicture>? pictures = null)
    {
        changed = null;
        var all = All.ToBuilder();
        ImmutableArray<ReferencePicture> known = [.. _pictures, .. pictures ?? []];
        foreach (var (id, text) in given)
        {
            if (declared.FirstOrDefault(p => p.Id == id) is not { } parameter)
            {
                var shown = id.Length > 64 ? id[..64] : id;
                error = declared.Count == 0 ? $"This model has no parameters, so '{shown}' would change nothing."
                    : $"This model has no parameter '{shown}'. It has: {string.Join(", ", declared.Select(p => p.Id))}.";
                return false;
            }
            if (Read(parameter, text, known) is not { } value)
            {
                error = $"{parameter.Title} ({id}) {Rule(parameter)}.";
                return false;
            }
            if (parameter.Kind == ParameterKind.Image
                ? value.Length == 0
                : parameter.Default is { } usual && Read(parameter, usual, known) == value)
                all.Remove(id);
            else
                all[id] = value;
        }
        changed = all.Count == 0
            ? None
            : new ParameterValues(all.ToImmutable(),
            [.. known.Where(p => declared.Any(d => d.Kind == ParameterKind.Image && all.GetValueOrDefault(d.Id) == p.Id))
            .DistinctBy(p => p.Id)]);
        error = null;
        return true;
    }

    /// <summary>The values that another model takes as well.</summary>
    public ParameterValues For(IReadOnlyList<ModelParameter> declared) => Of(declared, All, _pictures);

    /// <summary>The given values that a model takes; the others are ignored.</summary>
    /// <param name="declared">What the model declares.</param>
    /// <param name="given">Ids and values.</param>
    /// <param name="pictures">Pictures that a value may name.</param>
    public static ParameterValues Of(IReadOnlyList<ModelParameter> declared, IEnumerable<KeyValuePair<string, string>> given,
        IReadOnlyList<ReferencePicture>? pictures = null)
    {
        var taken = None;
        foreach (var one in given)
        {
            if (taken.TrySet(declared, [one], out var more, out _, pictures))
                taken = more;
        }
        return taken;
    }

    /// <summary>Whether the two differ in a value that does not take effect live.</summary>
    public bool Reloads(ParameterValues other, IReadOnlyList<ModelParameter> declared) =>
        declared.Any(p => !p.Live && Text(p.Id) != other.Text(p.Id));

    /// <inheritdoc/>
    public bool Equals(ParameterValues? other) => other is not null && (ReferenceEquals(this, other) || All.SequenceEqual(other.All));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as ParameterValues);

    /// <inheritdoc/>
    public override int GetHashCode() => All.Aggregate(All.Count, (hash, one) => HashCode.Combine(hash, one.Key, one.Value));

    /// <summary>In the syntax of a schedule of values: <c>guidance=full seed=7</c>.</summary>
    public override string ToString() =>
        string.Join(' ', All.Select(v => v.Value.Length > 0 && !v.Value.Any(char.IsWhiteSpace)
        ? $"{v.Key}={v.Value}"
        : $"{v.Key}=\"{v.Value}\""));

    // The canonical form of a value; null when it is not allowed.
    private static string? Read(ModelParameter p, string text, ImmutableArray<ReferencePicture> pictures) => p.Kind switch
    {
        ParameterKind.Number => ReadNumber(p, text),
        ParameterKind.Choice => p.Choices.Contains(text) ? text : null,
        ParameterKind.Flag => text is "true" or "false" ? text : null,
        // In a schedule of values, a quotation mark or a line break would end the text.
        ParameterKind.Text => text.Length <= MaxText && !text.Any(c => c is '"' or '\u2028' or '\u2029' || char.IsControl(c)) ? text : null,
        ParameterKind.Image => text.Length == 0 || pictures.Any(picture => picture.Id == text) ? text : null,
        _ => null,
    };

    private static string? ReadNumber(ModelParameter p, string text)
    {
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
            return null;
        if (p.Step is { } step and > 0)
        {
            var from = p.Min ?? 0;
            number = Math.Round(from + Math.Round((number - from) / step) * step, 9);
        }
        if (number < p.Min || number > p.Max || !double.IsFinite(number))
            return null;
        // -0 and 0 are the same value.
        return (number == 0 ? 0 : number).ToString("R", CultureInfo.InvariantCulture);
    }

    private static string Rule(ModelParameter p) => p.Kind switch
    {
        ParameterKind.Number when p is { Min: { } low, Max: { } high } =>
            FormattableString.Invariant($"must be a number within {low}..{high}"),
        ParameterKind.Number =>
            "must be a number" + (p.Min is { } least ? FormattableString.Invariant($" of at least {least}") : p.Max is { } most
            ? FormattableString.Invariant($" of at most {most}")
            : ""),
        ParameterKind.Choice => $"must be one of: {string.Join(", ", p.Choices)}",
        ParameterKind.Flag => "must be true or false",
        ParameterKind.Text => $"must be a text of at most {MaxText} characters without quotation marks and control characters",
        _ => "must be the id of a picture that was sent before (POST /v1/pictures) and is still kept, or empty for none",
    };
}
