namespace TrueLive.Probe.Requirements;

/// <summary>Answers to <see cref="RequirementQuestion.All"/>.</summary>
public sealed record RequirementAnswers
{
    /// <summary>Checks and takes answers by the ids of their choices.</summary>
    /// <param name="build">What is built.</param>
    /// <param name="watch">Who watches; null for who usually does.</param>
    /// <param name="delay">How late the picture may be; null for what is usual.</param>
    /// <param name="keep">What must survive.</param>
    /// <exception cref="FormatException">There is no such choice; the message lists them.</exception>
    public RequirementAnswers(string build, string? watch = null, string? delay = null, IReadOnlyList<string>? keep = null)
    {
        Build = Known("build", build);
        Watch = Known("watch", watch ?? "usual");
        Delay = Known("delay", delay ?? "usual");
        Keep = [.. (keep ?? []).Select(k => Known("keep", k)).Distinct()];
    }

    /// <summary>What is built: the name of a preset.</summary>
    public string Build { get; }

    /// <summary>Who watches.</summary>
    public string Watch { get; }

    /// <summary>How late the picture may be.</summary>
    public string Delay { get; }

    /// <summary>What must survive.</summary>
    public IReadOnlyList<string> Keep { get; }

    private static string Known(string question, string choice)
    {
        var choices = RequirementQuestion.Of(question).Choices;
        return choices.Any(c => c.Id == choice) ? choice : throw new FormatException(
            $"{question}: '{(choice.Length > 40 ? choice[..40] : choice)}' is not a choice; choose {string.Join(", ", choices.Select(c => c.Id))}.");
    }
}
