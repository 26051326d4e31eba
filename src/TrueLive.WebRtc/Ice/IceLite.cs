using System.Security.Cryptography;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Ice;

/// <summary>
/// The side of a server that its clients can reach: answers checks and uses the way that the far side nominates (RFC 8445 section
/// 2.5 and 8.2). The first way that works is used until then, so that nothing waits for the nomination. Media moves to another address only
/// after a check of our own was answered from there: a received check proves nothing about the address in its header, and a
/// client could have its pictures sent to somebody who never asked for them.
/// </summary>
internal sealed class IceLite(IceCredentials local, IceCredentials remote, PacketQueue<IceRoute?> output, Instant now)
    : IceAgent(local, remote, output, now)
{
    private const int MaxChecks = 7;
    private static readonly TimeSpan FirstRepeat = TimeSpan.FromMilliseconds(100);

    private readonly byte[] _transaction = new byte[12];
    private readonly ulong _tieBreaker = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
    private bool _nominated;
    private IceRoute? _next;
    private int _checks;
    private Instant _due;

    /// <inheritdoc/>
    public override void Restart(IceCredentials local, IceCredentials remote)
    {
        base.Restart(local, remote);
        (_nominated, _next) = (false, null);
    }

    /// <inheritdoc/>
    protected override bool Asked(in StunMessage request, IceRoute route, Instant now)
    {
        if (Route is not { } inUse)
        {
            Use(route, now);
            _nominated = request.UseCandidate;
        }
        else if (request.UseCandidate)
        {
            _nominated = true;
            // A TCP connection proves that its far end exists.
            if (route.IsTcp || inUse.LeadsWhere(route))
                Use(route, now);
            else
                Prove(route, now);
        }
        return true;
    }

    /// <inheritdoc/>
    protected override bool Answered(in StunMessage answer, IceRoute route, Instant now)
    {
        // Only the far end has seen the transaction id, so an error response proves as much as a success.
        if (_next is not { } next || !next.LeadsWhere(route) || !answer.TransactionId.SequenceEqual(_transaction))
            return false;
        Use(next, now);
        _next = null;
        return true;
    }

    /// <inheritdoc/>
    protected override void Work(Instant now)
    {
        if (_next is { } next && now >= _due && _checks < MaxChecks)
            Ask(next, now);
    }

    // At most one check, with a few retransmissions, for each one received: no use for amplification.
    private void Prove(IceRoute route, Instant now)
    {
        if (_next is { } asked && asked.LeadsWhere(route) && _checks < MaxChecks)
            return;
        RandomNumberGenerator.Fill(_transaction);
        (_next, _checks) = (route, 0);
        Ask(route, now);
    }

    private void Ask(IceRoute route, Instant now)
    {
        _due = now + FirstRepeat * (1 << _checks);
        _checks++;
        Check(route, _transaction, controlling: false, _tieBreaker, nominate: false);
    }
}
