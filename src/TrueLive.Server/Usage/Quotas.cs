using TrueLive.Server.Access;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Usage;

/// <summary>
/// Holds keys to their quotas: refuses what would go beyond, and says several times a minute whose minutes are used up. Where the records
/// cannot be read, nobody is refused for what is not known.
/// </summary>
internal sealed partial class Quotas(ApiKeyRing ring, UsageKeeper keeper, TimeProvider time, ILogger<Quotas> logger) : BackgroundService
{
    /// <summary>A quota of minutes is noticed that much late at most.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private readonly SemaphoreSlim _turn = new(1, 1);
    private volatile Month _month = new(default, new Dictionary<string, double>(), new Dictionary<string, double>());
    private IReadOnlyList<UsageRow> _known = [];

    /// <summary>Called with each owner whose minutes of this month are used up, and with the words for its clients.</summary>
    public Func<string, string, Task> UsedUp { get; set; } = (_, _) => Task.CompletedTask;

    /// <summary>Owners of what runs, who may have no key any more.</summary>
    public Func<IEnumerable<string>> Running { get; set; } = () => [];

    private DateOnly ThisMonth => time.GetUtcNow().UtcDateTime is var now ? new DateOnly(now.Year, now.Month, 1) : default;

    /// <summary>What one key may use.</summary>
    public KeyLimits Of(string owner) => ring.QuotaOf(owner);

    /// <summary>Minutes that the key has used this month, as they were a moment ago.</summary>
    public double MinutesOf(string owner) =>
        _month is var month && month.First == ThisMonth ? month.SecondsOf(owner, ring.NameOf(owner)) / 60 : 0;

    /// <summary>Null where a key may begin a live session beside those that it has.</summary>
    public RequestRefusedException? Refuse(string owner, int running) => Refuse(owner)
        ?? (Of(owner).Sessions is > 0 and var most && running >= most ? TooMany(most) : null);

    /// <summary>Null where a key has minutes left.</summary>
    public RequestRefusedException? Refuse(string owner)
    {
        var most = Of(owner).MinutesAMonth;
        if (most <= 0 || MinutesOf(owner) < most)
            return null;
        var next = ThisMonth.AddMonths(1);
        return new RequestRefusedException(StatusCodes.Status429TooManyRequests, FormattableString.Invariant(
            $"The {most:0.#} minutes that this key has for {ThisMonth:yyyy-MM} (UTC) are used up. ")
            + FormattableString.Invariant($"It has new ones from {next:yyyy-MM-dd} 00:00 UTC; the operator can give it more before."))
        { RenewsAfter = new DateTimeOffset(next, TimeOnly.MinValue, TimeSpan.Zero) - time.GetUtcNow() };
    }

    /// <summary>The refusal of a key that has as many live sessions as it may.</summary>
    public static RequestRefusedException TooMany(int most) => new(StatusCodes.Status429TooManyRequests,
        $"This key may have {most} live session(s) at a time, and has them. End one first, or ask the operator for more.")
    { RenewsAfter = TimeSpan.FromSeconds(2) };

    /// <summary>Reads what was used, and tells whose minutes are used up.</summary>
    public async Task LookAsync(CancellationToken cancel)
    {
        var limited = ring.Owners().Union(Running()).Where(o => Of(o).MinutesAMonth > 0).ToList();
        if (limited.Count == 0)
            return;
        // A look that began before another one and ends after it would set back what that one found.
        await _turn.WaitAsync(cancel).ConfigureAwait(false);
        try
        {
            var first = ThisMonth;
            var last = first.AddMonths(1).AddDays(-1);
            try
            {
                _known = await keeper.ReadAsync(first, last, cancel).ConfigureAwait(false);
            }
            finally
            {
                // While the store is away, what this process counts and is told goes on.
                _month = Month.Of(first, keeper.Renew(_known, first, last), ring);
                foreach (var owner in limited)
                {
                    if (Refuse(owner) is { } over)
                        await UsedUp(owner, over.Message).ConfigureAwait(false);
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public override void Dispose()
    {
        _turn.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var failed = false;
        using var timer = new PeriodicTimer(LookEvery, time);
        try
        {
            do
            {
                try
                {
                    await LookAsync(stoppingToken).ConfigureAwait(false);
                    failed = false;
                }
                catch (Exception error) when (!stoppingToken.IsCancellationRequested)
                {
                    // What was known holds. Whatever it is, a server that ends for it would end at each start.
                    if (!failed)
                        LogUnlooked(error.Message);
                    failed = true;
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    [LoggerMessage(EventId = 5104, EventName = "quotas_unheld", Level = LogLevel.Error,
        Message = "Quotas of minutes are held by what was known before, until this works again: {Why}")]
    private partial void LogUnlooked(string why);

    /// <summary>Seconds used in a month, by name of the key and by owner.</summary>
    private sealed record Month(DateOnly First, IReadOnlyDictionary<string, double> Named, IReadOnlyDictionary<string, double> Owned)
    {
        public static Month Of(DateOnly first, IReadOnlyList<UsageRow> rows, ApiKeyRing ring) => new(first,
            Sum(rows, r => IsName(r.Key) ? r.Key : ring.NameOf(r.Owner)), Sum(rows, r => r.Owner));

        // A key that is made anew under its name goes on with what that has used; one that was deleted has no name.
        public double SecondsOf(string owner, string name) =>
            IsName(name) ? Named.GetValueOrDefault(name) : Owned.GetValueOrDefault(owner);

        private static Dictionary<string, double> Sum(IEnumerable<UsageRow> rows, Func<UsageRow, string> by) =>
            rows.GroupBy(by).ToDictionary(g => g.Key, g => g.Sum(r => r.Seconds), StringComparer.Ordinal);

        // Keys of the settings are numbered in the order in which they stand there.
        private static bool IsName(string key) => key.Length > 0 && !key.Contains('[', StringComparison.Ordinal);
    }
}
