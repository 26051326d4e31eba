namespace TrueLive.Probe.Requirements;

/// <summary>One choice of a question.</summary>
/// <param name="Id">How a flag or request names it.</param>
/// <param name="Words">How people read it.</param>
public sealed record RequirementChoice(string Id, string Words);

/// <summary>One of the questions that <see cref="RequirementAdvice"/> needs answers to; the first choice is the default.</summary>
/// <param name="Id">How a flag or request names it.</param>
/// <param name="Words">The question.</param>
/// <param name="Several">Whether any number of choices may be given, none included.</param>
/// <param name="Choices">All choices.</param>
public sealed record RequirementQuestion(string Id, string Words, bool Several, IReadOnlyList<RequirementChoice> Choices)
{
    /// <summary>The questions in the order in which they are asked.</summary>
    public static IReadOnlyList<RequirementQuestion> All { get; } =
    [
        new("build", "What are you building?", false,
        [
            new("video-call-filter", "A filter for video calls"), new("ar-mirror", "A mirror: clothes or make-up on one's own picture"),
            new("vtuber", "A character that a performer moves"), new("live-broadcast", "A show that is broadcast live"),
            new("live-event-interaction", "A live event that answers its audience"),
            new("game-control", "A game, or anything that hands control"),
            new("creative-exploration", "Trying out ideas"), new("batch-post-production", "Finished film: it may take its time"),
            new("surveillance-redaction", "Hiding people in the video of a camera"),
        ]),
        new("watch", "Who watches?", false,
        [
            new("usual", "Whoever usually does"), new("self", "The person in the picture, as in a mirror"),
            new("partner", "People who talk back"), new("audience", "An audience that only looks on"),
            new("nobody", "Nobody yet: it is watched later"),
        ]),
        new("delay", "How late may the picture be?", false,
        [
            new("usual", "As late as is usual for this"), new("instant", "0.1 s: it must feel immediate"),
            new("mirror", "0.2 s: as in a mirror"), new("talk", "0.4 s: people can talk"), new("second", "1 s"), new("seconds", "5 s"),
            new("wait", "Any time: finished clips will do"),
        ]),
        new("keep", "What must survive?", true,
        [
            new("sound", "Sound that fits the lips"), new("hours", "Hours without a break"),
            new("prompts", "New prompts that act while it runs"), new("movement", "Every movement, without ghosts"),
            new("look", "A drawn or generated look, not only other colours"),
            new("privacy", "Privacy: the original must never be seen"),
        ]),
    ];

    /// <summary>The question with this id.</summary>
    public static RequirementQuestion Of(string id) => All.First(q => q.Id == id);
}
