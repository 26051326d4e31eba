using TrueLive.Server.Control;

namespace TrueLive.Server.Sessions;

/// <summary>A client at the door: with a new session, or back in the one that its token names.</summary>
/// <param name="Seat">Its session.</param>
/// <param name="Number">Number of its connection among those of the session.</param>
/// <param name="Resumed">What it has lost, when it came back; else null.</param>
internal sealed record Arrival(SessionSeat Seat, long Number, ResumedView? Resumed)
{
    /// <summary>Time in which a client that is at the door has either come in or given up: a DTLS handshake alone may take 10 s, and another transport may be tried after it.</summary>
    public static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(30);

    /// <summary>Finds or makes the session, and keeps it until its client is in.</summary>
    /// <param name="registry">All sessions.</param>
    /// <param name="token">What the client shows; null or empty makes a session.</param>
    /// <param name="had">The number of the connection that it had; null where it does not say.</param>
    /// <param name="request">For a new session.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="RequestRefusedException">
    /// 404 for a token that is not (or no longer) known, 409 where a newer connection runs; else as <see cref="SessionRegistry.Create"/>.
    /// </exception>
    public static Arrival Of(SessionRegistry registry, string? token, long? had, SessionRequest request, TimeProvider time)
    {
        if (string.IsNullOrEmpty(token))
        {
            var made = registry.Create(request);
            return new Arrival(made, made.Enter(null), null);
        }
        if (registry.FindByToken(token) is not { } seat)
            throw new RequestRefusedException(StatusCodes.Status404NotFound, "The session is over: its time to come back has passed, or the server was started anew.");
        var number = seat.Enter(had);
        registry.Expect(seat);
        if (seat.Session.State == Core.Sessions.SessionState.Created)
            return new Arrival(seat, number, null);
        var away = seat.Away is { } absence ? time.GetElapsedTime(absence.Since) : TimeSpan.Zero;
        var (kept, model) = (seat.Session.KeepsMemory, seat.Session.Settings.Model.Info);
        var memory = kept ? "the prompt and, for a picture of the same shape, the model's memory are kept"
            : model.HasMemory ? "the prompt is kept, the model's memory begins anew" : $"the prompt is kept ({model.Title} has no memory)";
        return new Arrival(seat, number, new ResumedView(
            Math.Round(away.TotalMilliseconds), kept, seat.Session.Settings.Prompt.Revision, $"Frames of the {away.TotalSeconds:0.0} s away are lost; {memory}."));
    }
}
