namespace TrueLive.Server.Live.Sessions;

/// <summary>Everything needed to continue a session on another machine, except the model's memory.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Token">Token with which its client resumes.</param>
/// <param name="Owner">Its owner.</param>
/// <param name="Model">Id of the model.</param>
/// <param name="Size">Size that the model works at.</param>
/// <param name="Prompt">Text of the prompt.</param>
/// <param name="Strength">Strength of the prompt.</param>
/// <param name="Values">Values of the model's parameters that differ from their defaults.</param>
/// <param name="Revision">Revision of the prompt.</param>
/// <param name="Epoch">The current epoch.</param>
/// <param name="Paused">Whether it is paused.</param>
/// <param name="Created">When it was made.</param>
/// <param name="State">Its state, for display.</param>
/// <param name="Made">Frames made so far.</param>
/// <param name="JournalSeconds">Length of the journal that is being recorded; 0 without one.</param>
/// <param name="TransitionMs">Time that the prompt takes to come into force.</param>
/// <param name="Counted">Whether a machine has counted it as a session, which the first one that makes a picture does.</param>
internal sealed record KeptSession(
    string Id, string Token, string Owner, string Model, string Size, string Prompt, float Strength, IReadOnlyDictionary<string,
        string> Values,
    long Revision, int Epoch, bool Paused, DateTimeOffset Created, string State, long Made, double JournalSeconds, double TransitionMs = 0,
    bool Counted = false)
{
    public static KeptSession From(HostedSession hosted)
    {
        var s = hosted.Session.Settings;
        return new KeptSession(
            hosted.Session.Id, hosted.Token, hosted.Owner, s.Model.Info.Id, $"{s.Width}x{s.Height}", s.Prompt.Text, s.Prompt.Strength,
                s.Prompt.Values.All,
            s.Prompt.Revision, s.Epoch, s.Paused, hosted.Created, hosted.Session.State.ToString().ToLowerInvariant(),
                hosted.Session.Summary.Made,
            hosted.Observer.Recorder?.View is { Recording: true } journal ? journal.Seconds : 0,
            s.Prompt.Transition.TotalMilliseconds, hosted.Continues || hosted.Session.Summary.Made > 0);
    }
}
