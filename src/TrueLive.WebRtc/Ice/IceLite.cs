using TrueLive.WebRtc.Stun;

namespace TrueLive.WebRtc.Ice;

/// <summary>
/// The side of a server that its clients can reach: answers checks and uses the way that the far side nominates (RFC 8445 section
/// 2.5 and 8.2). The first way that works is used until then, so that nothing waits for the nomination.
/// </summary>
internal sealed class IceLite(IceCredentials local, IceCredentials remote, TimeProvider time) : IceAgent(local, remote, time)
{
    private bool _nominated;

    /// <inheritdoc/>
    public override void Restart(IceCredentials local, IceCredentials remote)
    {
        base.Restart(local, remote);
        _nominated = false;
    }

    /// <inheritdoc/>
    protected override bool Asked(in StunMessage request, IceRoute route, long now)
    {
        if (request.UseCandidate)
            (Route, _nominated) = (route, true);
        else if (!_nominated)
            Route ??= route;
        return true;
    }

    /// <inheritdoc/>
    protected override bool Answered(in StunMessage answer, IceRoute route, long now) => false;

    /// <inheritdoc/>
    protected override void Work(long now)
    {
    }
}
