using System.Net;

namespace TrueLive.WebRtc.Ice;

/// <summary>
/// A way to one address of the far side, over UDP or one TCP connection (RFC 8445 section 2, RFC 6544). Names the way only: whoever made it
/// knows how to send there.
/// </summary>
internal abstract class IceRoute
{
    /// <summary>The far end.</summary>
    public abstract IPEndPoint Remote { get; }

    /// <summary>TCP; else UDP.</summary>
    public abstract bool IsTcp { get; }

    /// <summary>Whether another way has the same far end: for UDP an address, for TCP one connection.</summary>
    public bool LeadsWhere(IceRoute other) => ReferenceEquals(this, other) || (!IsTcp && !other.IsTcp && Remote.Equals(other.Remote));
}
