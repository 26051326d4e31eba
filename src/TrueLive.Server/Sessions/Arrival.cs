using TrueLive.Server.Control;

namespace TrueLive.Server.Sessions;

/// <summary>A client at the door: with a new session, or back in the one that its token names.</summary>
/// <param name="Seat">Its session.</param>
/// <param name="Resumed">What it has lost, when it came back; else null.</param>
internal sealed record Arrival(SessionSeat Seat, ResumedView? Resumed)
{
    /// <summary>Time in which a client that is at the door has either come in or given up: a DTLS handshake alone may take 10 s, and another transport may be tried after it.</summary>
    public static readonly TimeSpan ConnectTime = TimeSpan.FromSeconds(30);

    /// <summary>Finds or makes the session, and keeps it until its client is in.</summary>
    /// <exception cref="RequestRefusedException">404 for a token that is not (or no longer) known; else as <see cref="SessionRegistry.Create"/>.</exception>
    public static Arrival Of(SessionRegistry registry, string? token, SessionRequest request, TimeProvider time)
    {
        if (string.IsNullOrEmpty(token))
            return new Arrival(registry.Create(request), null);
        if (registry.FindByToken(token) is not { } seat)
            throw new RequestRefusedException(StatusCodes.Status404NotFound, "The session is over: its time to come back has passed, or the server was started anew.");
        registry.Expect(seat);
        if (seat.Session.State == Core.Sessions.SessionState.Created)
            return new Arrival(seat, null);
        var away = seat.AwaySince is { } since ? time.GetElapsedTime(since) : TimeSpan.Zero;
        var (kept, model) = (seat.Session.KeepsMemory, seat.Session.Settings.Model.Info);
        var memory = kept ? "the prompt and, for a picture of the same shape, the model's memory are kept"
            : model.HasMemory ? "the prompt is kept, the model's memory begins anew" : $"the prompt is kept ({model.Title} has no memory)";
        return new Arrival(seat, new ResumedView(
            Math.Round(away.TotalMilliseconds), kept, seat.Session.Settings.Prompt.Revision, $"Frames of the {away.TotalSeconds:0.0} s away are lost; {memory}."));
    }
}
