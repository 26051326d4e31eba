using TrueLive.Server.Access;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Usage;

/// <summary>
/// Holds keys to their quotas: refuses what would go beyond, and says several times a minute whose minutes are used up. Where the records
/// cannot be read, nobody is refused for what is not known.
/// </summary>
internal sealed class Quotas(ApiKeyRing ring, UsageKeeper keeper, TimeProvider time) : BackgroundService
{
    /// <summary>A quota of minutes is noticed that much late at most.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(10);

    private volatile Month _month = new(default, new Dictionary<string, double>());

    /// <summary>Called with each owner whose minutes of this month are used up, and with the words for its clients.</summary>
    public Func<string, string, Task> UsedUp { get; set; } = (_, _) => Task.CompletedTask;

    private DateOnly ThisMonth => time.GetUtcNow().UtcDateTime is var now ? new DateOnly(now.Year, now.Month, 1) : default;

    /// <summary>What one key may use.</summary>
    public KeyQuota Of(string owner) => ring.QuotaOf(owner);

    /// <summary>Minutes that the key has used this month, as they were a moment ago.</summary>
    public double MinutesOf(string owner) =>
        _month is var month && month.First == ThisMonth ? month.Seconds.GetValueOrDefault(AccountOf(owner)) / 60 : 0;

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
        var limited = ring.Owners().Where(o => Of(o).MinutesAMonth > 0).ToList();
        if (limited.Count == 0)
            return;
        var first = ThisMonth;
        var rows = await keeper.ReadAsync(first, first.AddMonths(1).AddDays(-1), cancel).ConfigureAwait(false);
        // A key that is made anew under its name goes on with what that has used.
        _month = new Month(first, rows.GroupBy(r => IsName(r.Key) ? r.Key : AccountOf(r.Owner))
            .ToDictionary(g => g.Key, g => g.Sum(r => r.Seconds), StringComparer.Ordinal));
        foreach (var owner in limited)
        {
            if (Refuse(owner) is { } over)
                await UsedUp(owner, over.Message).ConfigureAwait(false);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        try
        {
            do
            {
                try
                {
                    await LookAsync(stoppingToken).ConfigureAwait(false);
                }
                catch (Exception away) when (away is IOException or TimeoutException)
                {
                    // The keeper says that the store is away; what was known holds until it is back.
                }
            }
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private string AccountOf(string owner) => ring.NameOf(owner) is var name && IsName(name) ? name : owner;

    // Keys of the settings are numbered in the order in which they stand there.
    private static bool IsName(string key) => key.Length > 0 && !key.Contains('[', StringComparison.Ordinal);

    private sealed record Month(DateOnly First, IReadOnlyDictionary<string, double> Seconds);
}
