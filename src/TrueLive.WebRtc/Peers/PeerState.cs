namespace TrueLive.WebRtc.Peers;

/// <summary>The state of a connection.</summary>
public enum PeerState
{
    /// <summary>An offer waits for its answer.</summary>
    Offered,

    /// <summary>Looking for a way and agreeing on keys.</summary>
    Connecting,

    /// <summary>Media and data flow.</summary>
    Connected,

    /// <summary>Over.</summary>
    Closed,
}
