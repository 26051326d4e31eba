using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <summary>
/// What a resumed client has lost: the frames of the time away, and the model's memory when <paramref name="MemoryKept"/> is false or a
/// message <c>forgot</c> follows.
/// </summary>
internal sealed record ResumedView(double AwayMs, bool MemoryKept, long PromptRevision, string Lost);

/// <summary>A client that may connect to a new session, or again to the one that its token names.</summary>
/// <param name="Hosted">Its session.</param>
/// <param name="Number">Number of its connection among those of the session.</param>
/// <param name="Resumed">What it has lost, when it resumes a session; else null.</param>
internal sealed record AdmittedClient(HostedSession Hosted, long Number, ResumedView? Resumed)
{
    /// <summary>
    /// How long an admitted client may take to connect: a DTLS handshake alone may take 10 s, and another transport may be tried after it.
    /// </summary>
    public static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(30);

    /// <summary>Finds or creates the session, and keeps it until its client has connected.</summary>
    /// <param name="registry">All sessions.</param>
    /// <param name="token">Token that the client sent; null or empty creates a session.</param>
    /// <param name="had">The number of the client's last connection; null if not given.</param>
    /// <param name="request">For a new session.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">The client has given up.</param>
    /// <exception cref="RequestRefusedException">
    /// 404 for a token that is not (or no longer) known, 409 where a newer connection runs; else as
    /// <see cref="SessionRegistry.CreateAsync"/>.
    /// </exception>
    public static async Task<AdmittedClient> OfAsync(
        SessionRegistry registry, string? token, long? had, SessionRequest request, TimeProvider time, CancellationToken cancel)
    {
        if (string.IsNullOrEmpty(token))
        {
            var made = await registry.CreateAsync(request, cancel).ConfigureAwait(false);
            return new AdmittedClient(made, made.Enter(null), null);
        }
        // A token does not give another key access to the session.
        if (registry.FindByToken(token) is not { } hosted || hosted.Owner != request.Owner
            || (request.Id ?? hosted.Session.Id) != hosted.Session.Id)
            throw new RequestRefusedException(StatusCodes.Status404NotFound,
                "The session is over: its time to come back has passed, or the server was started anew.");
        var number = hosted.Enter(had);
        registry.Expect(hosted);
        if (hosted is { Session.State: Core.Sessions.SessionState.Created, Lost: { } lost })
        {
            return new AdmittedClient(hosted, number, new ResumedView(
                Math.Round(time.GetElapsedTime(lost.Since).TotalMilliseconds), hosted.Session.KeepsMemory,
                hosted.Session.Settings.Prompt.Revision, lost.Words));
        }
        if (hosted.Session.State == Core.Sessions.SessionState.Created)
            return new AdmittedClient(hosted, number, null);
        var away = hosted.Away is { } absence ? time.GetElapsedTime(absence.Since) : TimeSpan.Zero;
        var (kept, model) = (hosted.Session.KeepsMemory, hosted.Session.Settings.Model.Info);
        var memory = kept ? "the prompt and, for a picture of the same shape, the model's memory are kept"
            : model.HasMemory ? "the prompt is kept, the model's memory begins anew" : $"the prompt is kept ({model.Title} has no memory)";
        return new AdmittedClient(hosted, number, new ResumedView(
            Math.Round(away.TotalMilliseconds), kept, hosted.Session.Settings.Prompt.Revision,
            $"Frames of the {away.TotalSeconds:0.0} s away are lost; {memory}."));
    }
}
