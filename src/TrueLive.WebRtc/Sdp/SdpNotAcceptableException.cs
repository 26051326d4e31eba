namespace TrueLive.WebRtc.Sdp;

/// <summary>An offer that is well formed and cannot be carried as a whole; the message names what was offered and what is taken.</summary>
/// <param name="message">For the person who set the client up.</param>
/// <param name="coding">The codings are at fault; else the number of streams.</param>
public sealed class SdpNotAcceptableException(string message, bool coding) : SdpException(message)
{
    /// <summary>True when another codec would be accepted; false when too many or too few media sections were offered.</summary>
    public bool IsCoding { get; } = coding;
}
