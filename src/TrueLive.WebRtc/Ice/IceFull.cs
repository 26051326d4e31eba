using System.Security.Cryptography;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Ice;

/// <summary>
/// The side that makes checks (RFC 8445): controlling when it made the offer or the far side is lite, else controlled. One socket
/// serves all local addresses, so a pair is a remote address: the system chooses the source. Nominates regularly (section 8.1.1) and
/// keeps consent fresh (RFC 7675).
/// </summary>
internal sealed class IceFull : IceAgent
{
    /// <summary>Remote addresses at most, those learnt from checks included.</summary>
    public const int MaxPairs = 64;

    private const int MaxChecks = 8;
    private static readonly TimeSpan Pace = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan FirstRepeat = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan BetterPairTime = TimeSpan.FromMilliseconds(120);
    private static readonly TimeSpan Freshness = TimeSpan.FromSeconds(4);

    private readonly List<Pair> _pairs = [];
    private readonly ulong _tieBreaker = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(8));
    private bool _controlling;
    private Instant _nextCheck;
    private Instant _firstValid;
    private Pair? _nominated;
    private Pair? _selected;

    /// <param name="local">Ours.</param>
    /// <param name="remote">Theirs.</param>
    /// <param name="controlling">Role to begin with.</param>
    /// <param name="output">Takes the checks and answers.</param>
    /// <param name="now">Now.</param>
    public IceFull(IceCredentials local, IceCredentials remote, bool controlling, PacketQueue<IceRoute?> output, Instant now)
        : base(local, remote, output, now) => _controlling = controlling;

    /// <summary>Whether a candidate is worth a way: known ones and those beyond <see cref="MaxPairs"/> are not.</summary>
    public bool Wants(IceCandidate candidate) =>
        _pairs.Count < MaxPairs && !_pairs.Exists(p => p.Route.IsTcp == candidate.IsTcp && p.Route.Remote.Equals(candidate.Address));

    /// <summary>Adds the way to a candidate that <see cref="Wants"/> took.</summary>
    public void Add(IceCandidate candidate, IceRoute route) => Insert(new Pair(route, candidate.Priority));

    /// <inheritdoc/>
    public override void Restart(IceCredentials local, IceCredentials remote)
    {
        base.Restart(local, remote);
        _pairs.Clear();
        // The route in use stays, but belongs to no pair: a selected pair would stop the new ones from being checked, and go unchecked
        // itself.
        (_nominated, _selected, _firstValid) = (null, null, default);
    }

    /// <inheritdoc/>
    protected override bool Asked(in StunMessage request, IceRoute route, Instant now)
    {
        if (!SettleRole(request))
        {
            Refuse(request, route, 487);
            return false;
        }
        var pair = PairOf(route);
        if (pair is null)
        {
            if (_pairs.Count >= MaxPairs)
                return true;
            Insert(pair = new Pair(route, request.Priority ?? 0));
        }
        pair.TheyNominated |= !_controlling && request.UseCandidate;
        if (pair.Valid)
            Select(pair, pair.TheyNominated, now);
        else
            Check(pair, nominate: false, now); // A triggered check (section 7.3.1.4).
        return true;
    }

    /// <inheritdoc/>
    protected override bool Answered(in StunMessage answer, IceRoute route, Instant now)
    {
        // An answer from another address than was asked proves nothing (section 7.2.5.2.1), so the pair is looked up by the answer's
        // source.
        if (PairOf(route) is not { } pair || !pair.Asked || !answer.TransactionId.SequenceEqual(pair.Transaction))
            return false;
        pair.Asked = false;
        if (answer.Class == StunClass.Error)
        {
            if (answer.ErrorCode == 487)
            {
                _controlling = !_controlling;
                pair.Checks = 0;
                pair.Due = now;
            }
            return true;
        }
        pair.Valid = true;
        pair.Checks = 0;
        pair.Due = now + Freshness * (0.8 + 0.4 * Random.Shared.NextDouble());
        if (_firstValid == default)
            _firstValid = now;
        Select(pair, _controlling ? pair == _nominated : pair.TheyNominated, now);
        return true;
    }

    /// <inheritdoc/>
    protected override void Work(Instant now)
    {
        if (_controlling && _nominated is null && Best() is { } best && (best == _pairs[0] || now > _firstValid + BetterPairTime))
        {
            _nominated = best;
            Check(best, nominate: true, now);
            return;
        }
        if (now < _nextCheck)
            return;
        foreach (var pair in _pairs)
        {
            if (now < pair.Due || pair.Checks >= MaxChecks
                || (_selected is not null && Route == _selected.Route && pair != _selected && pair != _nominated))
                continue;
            Check(pair, nominate: pair == _nominated && pair != _selected, now);
            return;
        }
        // Pairs without an answer may only be slow: all are retried until the start-up time is over.
        if (_selected is null && _pairs.Count > 0 && _pairs.TrueForAll(p => p.Checks >= MaxChecks && now >= p.Due))
            _pairs.ForEach(p => p.Checks = 0);
        else if (_selected is { } inUse && inUse.Checks >= MaxChecks && now >= inUse.Due)
            inUse.Checks = 0;
    }

    private Pair? Best() => _pairs.Find(p => p.Valid);

    private void Insert(Pair pair)
    {
        var at = _pairs.FindIndex(p => p.Priority < pair.Priority);
        _pairs.Insert(at < 0 ? _pairs.Count : at, pair);
    }

    private Pair? PairOf(IceRoute route) =>
        _pairs.Find(p => ReferenceEquals(p.Route, route) || (p.Route.IsTcp == route.IsTcp && p.Route.Remote.Equals(route.Remote)));

    private void Select(Pair pair, bool nominated, Instant now)
    {
        if (!nominated)
            return;
        if (_selected != pair)
            Use(pair.Route, now);
        _selected = pair;
    }

    private void Check(Pair pair, bool nominate, Instant now)
    {
        _nextCheck = now + Pace;
        pair.Due = now + FirstRepeat * Math.Min(16, 1 << pair.Checks);
        pair.Checks++;
        // A retransmission keeps its transaction (RFC 8489 section 6.2.1), unless it now nominates.
        if (!pair.Asked || nominate != pair.AskedNomination)
            RandomNumberGenerator.Fill(pair.Transaction);
        (pair.Asked, pair.AskedNomination) = (true, nominate);
        Check(pair.Route, pair.Transaction, _controlling, _tieBreaker, nominate && _controlling);
    }

    // RFC 8445 section 7.3.1.1: the larger tie-breaker controls. False: the far side must change its role.
    private bool SettleRole(in StunMessage request)
    {
        if (_controlling && request.Controlling is { } theirs)
        {
            if (_tieBreaker >= theirs)
                return false;
            _controlling = false;
        }
        else if (!_controlling && request.Controlled is { } passive)
        {
            if (_tieBreaker < passive)
                return false;
            _controlling = true;
        }
        return true;
    }

    private sealed class Pair(IceRoute route, uint priority)
    {
        public IceRoute Route { get; } = route;
        public uint Priority { get; } = priority;
        public byte[] Transaction { get; } = new byte[12];
        public bool Asked { get; set; }
        public bool AskedNomination { get; set; }
        public bool TheyNominated { get; set; }
        public bool Valid { get; set; }
        public int Checks { get; set; }
        public Instant Due { get; set; }
    }
}
