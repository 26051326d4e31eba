using System.Text;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Ice;

/// <summary>
/// Finds a way to one peer and keeps it (RFC 8445). No clock, socket, thread or lock inside: the owner passes the time, calls one at a
/// time, and sends what is put into <paramref name="output"/>. Input is hostile: messages that are not authentic are counted and not
/// answered.
/// </summary>
internal abstract class IceAgent(IceCredentials local, IceCredentials remote, PacketQueue<IceRoute?> output, Instant now)
{
    /// <summary>Consent to send ends when nothing authentic has arrived for this long (RFC 7675 section 5.1).</summary>
    public static readonly TimeSpan ConsentTime = TimeSpan.FromSeconds(30);

    /// <summary>A peer that was never reached is given up after this long.</summary>
    public static readonly TimeSpan StartTime = TimeSpan.FromSeconds(30);

    private readonly byte[] _buffer = new byte[StunMessage.MaxLength];
    private Instant _heard = now;

    /// <summary>Credentials of this side; changed by a restart.</summary>
    public IceCredentials Local { get; protected set; } = local;

    /// <summary>Credentials of the far side.</summary>
    public IceCredentials Remote { get; protected set; } = remote;

    /// <summary>The way in use; null until one works.</summary>
    public IceRoute? Route { get; private set; }

    /// <summary>Messages that were not authentic or not expected.</summary>
    public long Rejected { get; private set; }

    /// <summary>Takes a STUN message that arrived over <paramref name="route"/>. True when it was authentic.</summary>
    public bool Receive(in StunMessage message, IceRoute route, Instant now)
    {
        var authentic = message.Class switch
        {
            StunClass.Request => IsForUs(message.Username) && message.IsAuthentic(Local.Key),
            StunClass.Success => message.IsAuthentic(Remote.Key) && Answered(message, route, now),
            // An error response may be unsigned; the transaction id is proof enough to count it (RFC 8489 section 9.1.4).
            StunClass.Error => Answered(message, route, now),
            _ => false,
        };
        if (!authentic)
        {
            Rejected++;
            return false;
        }
        // Consent applies to the route in use: packets over another route do not show that this one's far end wants ours.
        if (Route is not { } inUse || inUse.LeadsWhere(route))
            _heard = now;
        if (message.Class == StunClass.Request)
            Answer(message, route, now);
        return true;
    }

    /// <summary>Sends what is due. False when the peer cannot be reached or its consent has ended.</summary>
    public bool Tick(Instant now)
    {
        Work(now);
        return now <= _heard + (Route is null ? StartTime : ConsentTime);
    }

    /// <summary>Restarts with new credentials (RFC 8445 section 9); the old route is used until a new one is found.</summary>
    public virtual void Restart(IceCredentials local, IceCredentials remote) => (Local, Remote) = (local, remote);

    /// <summary>Takes a way into use; it has just been heard from.</summary>
    protected void Use(IceRoute route, Instant now) => (Route, _heard) = (route, now);

    /// <summary>A request is authentic and understood: it is answered with success after this, unless false is returned.</summary>
    protected abstract bool Asked(in StunMessage request, IceRoute route, Instant now);

    /// <summary>An answer came. False when nothing was asked.</summary>
    protected abstract bool Answered(in StunMessage answer, IceRoute route, Instant now);

    /// <summary>Sends checks that are due.</summary>
    protected abstract void Work(Instant now);

    /// <summary>Sends a check (RFC 8445 section 7.2.2).</summary>
    protected void Check(IceRoute route, ReadOnlySpan<byte> transaction, bool controlling, ulong tieBreaker, bool nominate)
    {
        var writer = new StunWriter(_buffer, StunClass.Request, transaction);
        writer.Bytes(StunAttribute.Username, Encoding.UTF8.GetBytes($"{Remote.Ufrag}:{Local.Ufrag}"));
        writer.UInt32(StunAttribute.Priority, IceCandidate.Host(route.Remote, route.IsTcp, 0).PeerReflexivePriority);
        writer.UInt64(controlling ? StunAttribute.IceControlling : StunAttribute.IceControlled, tieBreaker);
        if (nominate)
            writer.Flag(StunAttribute.UseCandidate);
        output.Add(route, writer.Finish(Remote.Key));
    }

    /// <summary>Sends an error answer.</summary>
    protected void Refuse(in StunMessage request, IceRoute route, int code)
    {
        var writer = new StunWriter(_buffer, StunClass.Error, request.TransactionId);
        writer.Error(code);
        if (code == 420)
            writer.Bytes(StunAttribute.UnknownAttributes, [(byte)(request.UnknownRequired >> 8), (byte)request.UnknownRequired]);
        output.Add(route, writer.Finish(Local.Key));
    }

    private void Answer(in StunMessage request, IceRoute route, Instant now)
    {
        if (request.UnknownRequired != 0)
        {
            Refuse(request, route, 420);
            return;
        }
        if (!Asked(request, route, now))
            return;
        var writer = new StunWriter(_buffer, StunClass.Success, request.TransactionId);
        writer.MappedAddress(route.Remote);
        output.Add(route, writer.Finish(Local.Key));
    }

    // RFC 8445 section 7.2.2: USERNAME is the receiver's fragment, a colon, the sender's. The latter is not secret and may lag a restart.
    private bool IsForUs(ReadOnlySpan<byte> username)
    {
        Span<byte> ours = stackalloc byte[Encoding.UTF8.GetMaxByteCount(Local.Ufrag.Length)];
        ours = ours[..Encoding.UTF8.GetBytes(Local.Ufrag, ours)];
        return username.Length > ours.Length && username[ours.Length] == (byte)':' && username.StartsWith(ours);
    }
}
