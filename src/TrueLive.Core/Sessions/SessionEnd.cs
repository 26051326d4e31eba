using TrueLive.Core.Models;

namespace TrueLive.Core.Sessions;

/// <summary>Why a connection ended: the stage of the live path and the side that caused it.</summary>
public enum EndCause : byte
{
    /// <summary>The client's stream ended or its link is gone.</summary>
    ReceiveClient,

    /// <summary>Receiving failed on this machine.</summary>
    ReceiveServer,

    /// <summary>The model failed on many frames in a row.</summary>
    StepServer,

    /// <summary>The link to the client is gone while sending.</summary>
    SendClient,

    /// <summary>Encoding or sending failed on this machine.</summary>
    SendServer,

    /// <summary>The client asked to end.</summary>
    ControlClient,

    /// <summary>The operator, a limit or a shutdown ended it.</summary>
    ControlServer,

    /// <summary>A newer connection of the same client took over.</summary>
    ControlReplaced,

    /// <summary>The client did not come back within the time that its session is kept.</summary>
    KeepExpired,

    /// <summary>The session went to another machine of the fleet, where its client finds it with its token.</summary>
    ControlMoved,
}

/// <summary>The first reason to end that was seen, with the error that came with it, if any.</summary>
/// <param name="Cause">Stage and side.</param>
/// <param name="Error">For the log; never sent to a client.</param>
public sealed record SessionEnd(EndCause Cause, Exception? Error = null)
{
    /// <summary>What is known of the reason, in words for people; null when nothing is.</summary>
    public string? Because { get; init; }

    /// <summary>One sentence for people, and the reason where it is known.</summary>
    public string Words => Because is null ? Sentence : $"{Sentence} {Because}";

    private string Sentence => Cause switch
    {
        EndCause.ReceiveClient => "The client's video stopped.",
        EndCause.ReceiveServer => "Receiving video failed on the server.",
        EndCause.StepServer when Error is ModelMemoryException => "There is no memory left for the model.",
        EndCause.StepServer => "The model failed on many frames in a row.",
        EndCause.SendClient => "The link to the client is gone.",
        EndCause.SendServer => "Encoding or sending failed on the server.",
        EndCause.ControlClient => "The client ended the session.",
        EndCause.ControlReplaced => "A newer connection took the session over.",
        EndCause.ControlMoved => "The session moved to another machine.",
        EndCause.KeepExpired => "The client did not come back in time.",
        _ => "The server ended the session.",
    };
}
