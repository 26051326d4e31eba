using System.Text.RegularExpressions;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>
/// Finds in a prompt what it says of the person and the background, such as "blur the background", "only me" or "a white background", in
/// any order beside a look. The last such phrase counts.
/// </summary>
internal static partial class MaskWords
{
    private const RegexOptions Options = RegexOptions.IgnoreCase | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    private const string The = @"(?:(?:the|my|our|their|this|that|whole|entire)\s+)*";
    private const string Back = The + @"(?:backgrounds?|backdrop|surroundings|room)";
    private const string Behind = $@"(?:{Back}|(?:every|any)thing (?:else|behind (?:me|us))|what(?:'s| is) behind (?:me|us)|the rest)";
    private const string Who = $@"(?:me|us|myself|ourselves|{The}(?:person|people|persons|face|faces|body|subject|foreground))";
    private const string Please = @"(?:(?:please|can you|could you|just|and|but|with|then|also|now|while|to|let's)\s+)*";
    private const string No = @"(?<no>(?:(?:do not|don'?t|never|no|without(?: a| any| the)?|stop|not|un-?)\s*)?)";
    private const string Colours = "black|white|gr[ea]y|green|blue|red|yellow|orange|purple|violet|pink";
    private const string Blurred = @"(?:blurred|blurry|unfocused|defocused|out[- ]of[- ]focus|soft)";
    private const string Photo = @"(?:picture|photo|photograph|image)";
    private const string Except = "(?:everything|all) (?:but|except)|except(?: for)?";
    private const string Kept =
        @"(?:\s+(?:alone|unchanged|untouched|as (?:it|i|we|they) (?:is|am|are)|natural|normal|real|original|sharp|clear))*";

    /// <summary>The mask that a text asks for, or null; <paramref name="rest"/> is the text without it.</summary>
    public static KeepMask? Read(string text, out string rest)
    {
        (rest, KeepMask? mask) = (text.Length > Prompt.MaxLength ? text[..Prompt.MaxLength] : text, null);
        if (!Subject().IsMatch(rest))
            return null;
        rest = Phrase().Replace(rest, match =>
        {
            mask = Of(match, mask);
            return ", ";
        });
        if (mask is not null)
            rest = Seams().Replace(rest, m => m.Groups["inner"].Success ? ", " : "");
        return mask;
    }

    /// <summary>What is done, in a sentence.</summary>
    public static string Say(KeepMask mask)
    {
        var (look, other) = mask.On == MaskArea.Person ? ("person", "background") : ("background", "person");
        return mask.Rest switch
        {
            _ when mask.IsEmpty => "The look is on the whole picture.",
            MaskRest.Camera => $"The look is on the {look} only; the {other} stays as the camera shows it.",
            MaskRest.Blur => $"The look is on the {look} only; the {other} is blurred.",
            MaskRest.Picture => $"The look is on the {look} only; the {other} is the picture set for it, or black where none is set.",
            var colour => $"The look is on the {look} only; the {other} is {KeepMask.Name(colour)}.",
        };
    }

    private static KeepMask Of(Match match, KeepMask? before)
    {
        if (match.Groups["no"].Length > 0)
            return default;
        if (match.Groups["blurback"].Success)
            return new(MaskArea.Person, MaskRest.Blur);
        if (match.Groups["blurme"].Success)
            return new(MaskArea.Background, MaskRest.Blur);
        if (match.Groups["removed"].Success)
            return new(MaskArea.Person, MaskRest.Grey);
        if (match.Groups["screen"].Success)
            return new(MaskArea.Person, MaskRest.Green);
        if (match.Groups["picture"].Success)
            return new(MaskArea.Person, MaskRest.Picture);
        if (match.Groups["colour"] is { Success: true } colour)
            return new(MaskArea.Person, ColourOf(colour.Value));
        var on = match.Groups["keepme"].Success ? MaskArea.Background : MaskArea.Person;
        // "Only me, blur the background"
        return before is { } said && said.On == on ? said : new(on, MaskRest.Camera);
    }

    private static MaskRest ColourOf(string name) => name.ToLowerInvariant() switch
    {
        "gray" => MaskRest.Grey,
        "violet" => MaskRest.Purple,
        var colour => Enum.Parse<MaskRest>(colour, ignoreCase: true),
    };

    // Most prompts end here.
    [GeneratedRegex(@"background|backdrop|surrounding|behind|front of|room|screen|\bme\b|\bus\b|myself|ourselves|person|people|face|body"
        + "|subject|foreground|rest|else", Options)]
    private static partial Regex Subject();

    [GeneratedRegex($@"(?<![\w-]){Please}(?:"
        + $@"(?<blurback>{No}(?:blur|soften|defocus|unfocus)(?:ring|ed)?(?: out| away)? {Behind})"
        + $@"|(?<blurback>{No}(?:(?:a|the|my|some)\s+)?(?:{Blurred} (?:background|backdrop)|background blur(?:red)?))"
        + $@"|(?<blurback>{Behind} (?:is |should be )?{Blurred})"
        + $@"|(?<blurback>(?:make|turn|keep) {Behind} {Blurred})"
        + $@"|(?<blurme>{No}blur(?: out)? {Who})"
        + $@"|(?<removed>{No}(?:remove|hide|erase|delete|drop|cut out|get rid of) {Behind})"
        + $@"|(?<screen>{No}(?:(?:a|the|with|on)\s+)?green[- ]?screen)"
        + $@"|(?<picture>{No}(?:make|turn|change|set|replace) {Behind} (?:(?:into|to|with|by) )?(?:my|the|this|that) {Photo})"
        + $@"|(?<picture>{No}(?:(?:use|with|put|set|show) )?(?:my|the|this|that) {Photo}"
            + $@" (?:as|for|behind|in) {The}(?:background|backdrop|me|us))"
        + $@"|(?<picture>{No}(?:on|in front of|before) (?:my|the|this|that|an?) {Photo} (?:background|backdrop))"
        + $@"|(?<picture>{No}in front of (?:my|the|this|that) {Photo})"
        + $@"|(?:make|turn|paint|colou?r|change|set) {Behind}(?: into| to)? (?<colour>{Colours})"
        + $@"|(?:(?:on|in front of|before)\s+)?(?:(?:a|the|plain|solid)\s+)*(?<colour>{Colours}) (?:background|backdrop)"
        + $@"|{Back} (?:is |should be |in )?(?<colour>{Colours})"
        + $@"|(?<keepback>(?:only|just) (?:on |for |style |change )?{Who}|(?:style|change) (?:only |just ){Who}|{Who} only)"
        + $@"|(?<keepback>(?:(?:do not|don'?t|never) (?:touch|change|style)|leave|keep|not|except(?: for)?) (?:on )?{Behind}{Kept})"
        + $@"|(?<keepme>(?:only|just) (?:on |for |style |change )?{Behind}|(?:style|change) (?:only |just ){Behind}|{Back} only)"
        + $@"|(?<keepme>(?:(?:do not|don'?t|never) (?:touch|change|style)|leave|keep|not on|{Except}) {Who}{Kept})"
        + @")(?![\w-])", Options)]
    private static partial Regex Phrase();

    // What is left between and beside the phrases.
    [GeneratedRegex(@"^(?:[\s,;.!&]|\b(?:and|but|with|then|please)\b)+|(?:[\s,;.!&]|\b(?:and|but|with|then|please|on)\b)+$"
        + @"|(?<inner>\s*,(?:\s*,)+\s*)", Options)]
    private static partial Regex Seams();
}
