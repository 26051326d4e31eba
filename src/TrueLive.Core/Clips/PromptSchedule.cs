using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using TrueLive.Core.Models;

namespace TrueLive.Core.Clips;

/// <summary>A prompt and the time in the clip from which it applies.</summary>
/// <param name="At">Time on the clip's own timeline, from its first frame.</param>
/// <param name="Text">Prompt text; may be empty, which keeps the picture.</param>
public readonly record struct PromptCue(TimeSpan At, string Text);

/// <summary>
/// Prompts over the time of a clip, written as <c>0s ink; 3.5s (ink:0.5)(neon:0.5)</c>: entries separated by semicolons or line breaks,
/// each led by a time (<c>3.5s</c>, <c>800ms</c>, <c>1:02.5</c>). An entry without a time starts at 0; a lone <c>1970s film</c> is such an
/// entry. Lines that begin with <c>#</c> are comments; <c>\;</c> is a semicolon within a text and <c>\\</c> a backslash. Cues are in order
/// of time and the first one is at 0.
/// </summary>
public sealed class PromptSchedule
{
    /// <summary>Most cues in one schedule.</summary>
    public const int MaxCues = 1000;

    private const string Backslash = "\\", Semicolon = ";";

    private PromptSchedule(ImmutableArray<PromptCue> cues) => Cues = cues;

    /// <summary>In order of time; never empty.</summary>
    public ImmutableArray<PromptCue> Cues { get; }

    /// <summary>
    /// A schedule of one prompt for the whole clip, whatever characters it contains. On failure <paramref name="error"/> says what is
    /// allowed.
    /// </summary>
    public static bool TryOne(string text, [NotNullWhen(true)] out PromptSchedule? schedule, [NotNullWhen(false)] out string? error)
    {
        text = text.ReplaceLineEndings(" ").Trim();
        var fits = text.Length <= Prompt.MaxLength;
        schedule = fits ? new PromptSchedule([new PromptCue(TimeSpan.Zero, text)]) : null;
        error = fits ? null : $"The prompt has {text.Length} characters; at most {Prompt.MaxLength} are taken.";
        return fits;
    }

    /// <summary>Reads a schedule. On failure <paramref name="error"/> says which entry is wrong and what is allowed.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out PromptSchedule? schedule, [NotNullWhen(false)] out string? error)
    {
        schedule = null;
        var cues = new List<PromptCue>();
        var entry = 0;
        var alone = Split(text).Take(2).Count() == 1;
        foreach (var whole in Split(text))
        {
            var part = whole.AsSpan();
            if (part[0] == '#')
                continue;
            entry++;
            var at = TimeSpan.Zero;
            var space = part.IndexOfAny(' ', '\t');
            var first = space < 0 ? part : part[..space];
            if (char.IsAsciiDigit(first[0]) && !(alone && IsDecade(first)) && TryParseTime(first, out at))
                part = part[first.Length..].Trim();
            else if (cues.Count > 0)
                return Fail($"Entry {entry} ('{Shown(part)}') does not begin with a time. Write it as '3.5s ink', '800ms ink' or " +
                    "'1:02.5 ink'.", out error);
            if (part.Length > Prompt.MaxLength)
                return Fail($"Entry {entry} has {part.Length} characters; at most {Prompt.MaxLength} are taken.", out error);
            if (cues.Count > 0 && at <= cues[^1].At)
                return Fail($"Entry {entry} is at {Seconds(at)}, not after the entry before it ({Seconds(cues[^1].At)}). Put the entries " +
                    "in order of time.", out error);
            if (cues.Count == MaxCues)
                return Fail($"More than {MaxCues} entries.", out error);
            cues.Add(new PromptCue(at, part.ToString()));
        }
        if (cues.Count == 0 || cues[0].At > TimeSpan.Zero)
            cues.Insert(0, new PromptCue(TimeSpan.Zero, ""));
        schedule = new PromptSchedule([.. cues]);
        error = null;
        return true;

        static bool Fail(string why, out string error)
        {
            error = why;
            return false;
        }
    }

    /// <summary>
    /// Has the model read every cue. The first look applies at once; later ones fade in over <paramref name="transition"/>. Revisions count
    /// from 1.
    /// </summary>
    public ImmutableArray<(TimeSpan At, Prompt Prompt)> Resolve(IVideoModel model, float strength, TimeSpan transition) =>
        Resolve(model.Read, strength, transition);

    /// <summary>As the other overload, with a function that reads a prompt, so that the caller can cache readings.</summary>
    public ImmutableArray<(TimeSpan At, Prompt Prompt)> Resolve(Func<string, PromptReading> read, float strength, TimeSpan transition) =>
        [.. Cues.Select((cue, i) => (cue.At, new Prompt(i + 1, cue.Text, strength, i == 0 ? TimeSpan.Zero : transition, read(cue.Text))))];

    /// <summary>The prompt in force at a time; takes the result of <see cref="Resolve"/>.</summary>
    public static Prompt PromptAt(ImmutableArray<(TimeSpan At, Prompt Prompt)> resolved, TimeSpan at)
    {
        var prompt = resolved[0].Prompt;
        foreach (var cue in resolved)
        {
            if (cue.At > at)
                break;
            prompt = cue.Prompt;
        }
        return prompt;
    }

    /// <summary>
    /// The same prompts for a rendering that begins at <paramref name="at"/>: the one in force there applies at once, since its transition
    /// began earlier.
    /// </summary>
    public static ImmutableArray<(TimeSpan At, Prompt Prompt)> BegunAt(ImmutableArray<(TimeSpan At, Prompt Prompt)> resolved, TimeSpan at)
    {
        var current = PromptAt(resolved, at);
        return [.. resolved.Select(c => c.Prompt == current ? (c.At, c.Prompt with { Transition = TimeSpan.Zero }) : c)];
    }

    /// <summary>The part of the schedule from a given time on, with that time as its zero.</summary>
    public PromptSchedule From(TimeSpan start)
    {
        var first = Cues.LastOrDefault(c => c.At <= start, Cues[0]);
        return new PromptSchedule([new PromptCue(TimeSpan.Zero, first.Text),
            .. Cues.Where(c => c.At > start).Select(c => c with { At = c.At - start })]);
    }

    /// <summary>The text that <see cref="TryParse"/> reads as this schedule.</summary>
    public override string ToString() =>
        string.Join("; ",
        Cues.Select(c =>
        $"{Seconds(c.At)} {c.Text.Replace(Backslash, @"\\", StringComparison.Ordinal).Replace(Semicolon, @"\;", StringComparison.Ordinal)}"));

    /// <summary>For display: as <see cref="ToString"/>, but a single prompt is shown as it was written.</summary>
    public string ToDisplay() => Cues.Length == 1 ? $"0s {Cues[0].Text}" : ToString();

    /// <summary>A note for the user about cues after the clip's end; null when there are none.</summary>
    public string? BeyondEnd(TimeSpan length)
    {
        var late = Cues.Where(c => c.At >= length && c.At > TimeSpan.Zero).ToArray();
        if (late.Length == 0)
            return null;
        var what = late.Length == 1
            ? $"The prompt at {Seconds(late[0].At)} ('{Shown(late[0].Text)}') lies"
            : $"{late.Length} prompts, the first at {Seconds(late[0].At)} ('{Shown(late[0].Text)}'), lie";
        return $"{what} after the clip's end ({Seconds(length)}) and changed nothing.";
    }

    private static IEnumerable<string> Split(string text)
    {
        var part = new StringBuilder();
        for (var i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || text[i] is ';' or '\n')
            {
                if (part.ToString().Trim() is { Length: > 0 } entry)
                    yield return entry;
                part.Clear();
                continue;
            }
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] is ';' or '\\')
                i++;
            part.Append(text[i]);
        }
    }

    private static string Seconds(TimeSpan t) => t.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture) + "s";

    private static string Shown(ReadOnlySpan<char> text) => text.Length <= 40 ? text.ToString() : string.Concat(text[..40], "...");

    // "80s film" and "1970s photo" are prompts, not cues at 80 s and 1970 s.
    private static bool IsDecade(ReadOnlySpan<char> text) =>
        text.Length is 3 or 5 && text.EndsWith("0s", StringComparison.Ordinal) && text[0] != '0';

    private static bool TryParseTime(ReadOnlySpan<char> text, out TimeSpan time)
    {
        time = default;
        double seconds;
        if (text.IndexOf(':') is > 0 and var colon)
        {
            if (!Number(text[..colon], out var minutes) || !Number(text[(colon + 1)..].TrimEnd('s'), out seconds) || seconds >= 60)
                return false;
            seconds += minutes * 60;
        }
        else if (text.EndsWith("ms", StringComparison.Ordinal))
        {
            if (!Number(text[..^2], out seconds))
                return false;
            seconds /= 1000;
        }
        else if (!text.EndsWith("s", StringComparison.Ordinal) || !Number(text[..^1], out seconds))
        {
            return false;
        }
        if (!(seconds <= 360_000))
            return false;
        time = TimeSpan.FromSeconds(seconds);
        return true;
    }

    private static bool Number(ReadOnlySpan<char> text, out double value) =>
        double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
}
