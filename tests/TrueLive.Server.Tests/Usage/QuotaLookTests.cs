using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Usage;

namespace TrueLive.Server.Tests.Usage;

/// <summary>Looks at whose minutes are used up, where something fails that nobody thought of; in virtual time.</summary>
public sealed class QuotaLookTests
{
    [Fact]
    public async Task Whatever_fails_when_a_key_is_stopped_is_tried_again_and_ends_no_server()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 11, 15, 12, 0, 0, TimeSpan.Zero));
        var options = new ServerOptions { DataFolder = Path.Combine(Path.GetTempPath(), "truelive-no-such-folder"), KeyMinutes = 1 };
        var ledger = new UsageLedger(time);
        using var keeper = new UsageKeeper(ledger, new UsageFolder(options, NullLogger<UsageFolder>.Instance), options, time,
            NullLogger<UsageKeeper>.Instance);
        using var quotas = new Quotas(new ApiKeyRing(options, time, NullLogger<ApiKeyRing>.Instance), keeper, time,
            NullLogger<Quotas>.Instance);
        ledger.Add(ApiKeyRing.Nobody, "", UsageKind.Clip, "ink", 1, 61, 1, 1);
        var tries = 0;
        quotas.UsedUp = (_, _) => Interlocked.Increment(ref tries) > 0
            ? throw new NotSupportedException("The directory is of the release before.") : Task.CompletedTask;
        await quotas.StartAsync(TestContext.Current.CancellationToken);
        await NativeClient.UntilAsync(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            return Volatile.Read(ref tries) > 1 || quotas.ExecuteTask!.IsCompleted;
        });
        Assert.False(quotas.ExecuteTask!.IsCompleted);
        Assert.Equal(429, quotas.Refuse(ApiKeyRing.Nobody)!.Status);
        await quotas.StopAsync(TestContext.Current.CancellationToken);
    }
}
