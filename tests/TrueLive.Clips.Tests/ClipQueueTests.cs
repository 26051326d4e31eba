using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;

namespace TrueLive.Clips.Tests;

[Collection("database")]
public sealed class ClipQueueTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UnixEpoch.AddYears(56));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static ClipRequest Request(string source = "upload") => new(source, "ink", "live-tiny", 0, 0, "mp4", 1, null);

    private async Task<(ClipDatabase Database, ClipQueue Queue)> OpenAsync(string kind, ClipQueueOptions? options = null)
    {
        var database = kind == "sqlite"
            ? await ClipDatabase.OpenSqliteAsync(Path.Combine(Directory.CreateTempSubdirectory("truelive-queue-").FullName, "clips.db"),
                Cancel)
            : await ClipDatabase.OpenPostgresAsync(await postgres.NewDatabaseAsync(), Cancel);
        return (database, new ClipQueue(database, options ?? new(), _time));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_job_runs_once_and_ends_with_its_result(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        var job = await queue.EnqueueAsync("anna", Request(), Cancel);

        var claimed = await queue.ClaimAsync(Cancel);
        Assert.Equal(job.Id, claimed?.Id);
        Assert.Null(await queue.ClaimAsync(Cancel));
        Assert.True(await queue.RenewAsync(claimed!, 10, 100, "rendering", Cancel));
        Assert.True(await queue.CompleteAsync(claimed!, 100, 12345, [], Cancel));

        var done = await queue.FindAsync(job.Id, Cancel);
        Assert.Equal((ClipJobState.Done, 100, 12345), (done!.State, done.FramesDone, done.ResultBytes));
        Assert.Equal((Request(), claimed!.Lease), (done.Request, done.Result));
        Assert.False(await queue.CompleteAsync(claimed!, 100, 1, [], Cancel));
        Assert.False(await queue.CancelAsync(job.Id, Cancel));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_reason_with_characters_that_not_every_database_stores_is_kept_without_them(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        var job = await queue.EnqueueAsync("anna", Request(), Cancel);
        Assert.True(await queue.FailAsync((await queue.ClaimAsync(Cancel))!, "no \0picture \ud83d", Cancel));
        Assert.Equal("no picture \ufffd", (await queue.FindAsync(job.Id, Cancel))!.Error);
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_worker_that_goes_silent_loses_its_job_and_its_late_result_is_refused(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        await queue.EnqueueAsync("anna", Request(), Cancel);
        var first = await queue.ClaimAsync(Cancel);
        _time.Advance(TimeSpan.FromSeconds(16));
        var second = await queue.ClaimAsync(Cancel);

        Assert.Equal(first!.Id, second?.Id);
        Assert.Equal(2, second!.Attempts);
        Assert.False(await queue.RenewAsync(first, 1, 1, null, Cancel));
        Assert.False(await queue.CompleteAsync(first, 1, 1, [], Cancel));
        Assert.True(await queue.CompleteAsync(second, 1, 1, [], Cancel));
    }

    [Fact]
    public async Task Servers_whose_clocks_differ_do_not_take_each_others_jobs()
    {
        var options = new ClipQueueOptions { DatabaseClock = true, Lease = TimeSpan.FromHours(1) };
        var (database, behind) = await OpenAsync("postgres", options);
        await using var _ = database;
        var ahead = new ClipQueue(database, options, new FakeTimeProvider(_time.GetUtcNow() + TimeSpan.FromDays(1)));
        await behind.EnqueueAsync("anna", Request(), Cancel);
        var job = (await behind.ClaimAsync(Cancel))!;
        Assert.Null(await ahead.ClaimAsync(Cancel));
        Assert.True(await behind.RenewAsync(job, 1, 2, null, Cancel));
        Assert.Null(await ahead.ClaimAsync(Cancel));
        // Whatever their clocks show, when it was made is told alike.
        Assert.InRange((TimeProvider.System.GetUtcNow() - job.Created).Duration(), TimeSpan.Zero, TimeSpan.FromHours(1));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_webhook_is_one_servers_at_a_time_until_that_is_done_or_gone(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        var job = await queue.EnqueueAsync("anna", Request(), Cancel);
        Assert.True(await queue.BeginCallAsync(job.Id, TimeSpan.FromSeconds(30), Cancel));
        Assert.False(await queue.BeginCallAsync(job.Id, TimeSpan.FromSeconds(30), Cancel));
        await queue.EndCallAsync(job.Id, Cancel);
        Assert.True(await queue.BeginCallAsync(job.Id, TimeSpan.FromSeconds(30), Cancel));
        _time.Advance(TimeSpan.FromSeconds(31));
        Assert.True(await queue.BeginCallAsync(job.Id, TimeSpan.FromSeconds(30), Cancel));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task The_first_folder_of_a_queue_is_its_folder_for_good(string kind)
    {
        var (database, _) = await OpenAsync(kind);
        await using var __ = database;
        Assert.Null(await database.FilesIdAsync(() => null, Cancel));
        Assert.Equal("one", await database.FilesIdAsync(() => "one", Cancel));
        Assert.Equal("one", await database.FilesIdAsync(() => throw new InvalidOperationException("It has one."), Cancel));
    }

    [Fact]
    public async Task Of_servers_that_start_together_one_names_the_folder()
    {
        var (database, _) = await OpenAsync("postgres");
        await using var __ = database;
        var asked = 0;
        var ids = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => database.FilesIdAsync(
            () => $"folder {Interlocked.Increment(ref asked)}", Cancel))));
        Assert.All(ids, id => Assert.Equal("folder 1", id));
        Assert.Equal(1, asked);
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task Each_lease_of_a_job_has_a_higher_number_also_when_its_attempt_did_not_count(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        await queue.EnqueueAsync("anna", Request(), Cancel);
        for (var number = 1; number <= 11; number++)
        {
            var job = (await queue.ClaimAsync(Cancel))!;
            Assert.StartsWith($"{number}-", job.Lease, StringComparison.Ordinal);
            Assert.True(await queue.ReleaseAsync(job, counts: false, Cancel));
        }
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_job_that_kills_its_workers_is_given_up(string kind)
    {
        var (database, queue) = await OpenAsync(kind, new ClipQueueOptions { MaxAttempts = 2 });
        await using var _ = database;
        var job = await queue.EnqueueAsync("anna", Request(), Cancel);
        for (var attempt = 0; attempt < 2; attempt++)
        {
            Assert.NotNull(await queue.ClaimAsync(Cancel));
            _time.Advance(TimeSpan.FromSeconds(16));
        }
        Assert.Null(await queue.ClaimAsync(Cancel));
        var ended = await queue.FindAsync(job.Id, Cancel);
        Assert.Equal(ClipJobState.Failed, ended!.State);
        Assert.Contains("2 times", ended.Error, StringComparison.Ordinal);
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task An_owner_with_many_jobs_does_not_hold_up_the_others(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        for (var i = 0; i < 5; i++)
            await queue.EnqueueAsync("greedy", Request(), Cancel);
        _time.Advance(TimeSpan.FromSeconds(1));
        await queue.EnqueueAsync("modest", Request(), Cancel);

        Assert.Equal("greedy", (await queue.ClaimAsync(Cancel))!.Owner);
        Assert.Equal("modest", (await queue.ClaimAsync(Cancel))!.Owner);
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task Whoever_deletes_finished_jobs_goes_no_sooner_than_before(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        async Task RunOneAsync(string owner)
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            var job = (await queue.ClaimAsync(Cancel))!;
            Assert.Equal(owner, job.Owner);
            await queue.CompleteAsync(job, 1, 1, [], Cancel);
            await queue.RemoveAsync(job.Id, Cancel);
        }
        for (var i = 0; i < 3; i++)
            await queue.EnqueueAsync("greedy", Request(), Cancel);
        await RunOneAsync("greedy");
        _time.Advance(TimeSpan.FromSeconds(1));
        await queue.EnqueueAsync("modest", Request(), Cancel);
        await RunOneAsync("modest");
        await RunOneAsync("greedy");
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task Many_who_ask_at_once_get_no_more_than_the_limit(string kind)
    {
        var (database, queue) = await OpenAsync(kind, new ClipQueueOptions { MaxOpenPerOwner = 3 });
        await using var _ = database;
        var taken = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => Task.Run(async () =>
        {
            try
            {
                return await queue.EnqueueAsync("anna", Request(), Cancel);
            }
            catch (ClipRefusedException)
            {
                return null;
            }
        })));
        Assert.Equal(3, taken.Count(j => j is not null));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_job_that_was_given_back_has_used_an_attempt_only_where_that_is_said(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        await queue.EnqueueAsync("anna", Request(), Cancel);
        foreach (var (counts, attempts) in new[] { (false, 1), (true, 1), (true, 2) })
        {
            var job = await queue.ClaimAsync(Cancel);
            Assert.Equal(attempts, job!.Attempts);
            Assert.True(await queue.ReleaseAsync(job, counts, Cancel));
        }
        var last = (await queue.ClaimAsync(Cancel))!;
        Assert.True(await queue.CompleteAsync(last, 1, 1, ["It has no sound."], Cancel));
        Assert.Equal(["It has no sound."], (await queue.FindAsync(last.Id, Cancel))!.Notes);
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_job_that_waits_for_its_machine_says_why_and_holds_up_no_other(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        var first = await queue.EnqueueAsync("anna", Request(), Cancel);
        var claimed = (await queue.ClaimAsync(Cancel))!;
        Assert.True(await queue.ReleaseAsync(claimed, counts: true, Cancel, "Waits: no room.", TimeSpan.FromSeconds(20)));
        var waiting = (await queue.FindAsync(first.Id, Cancel))!;
        Assert.Equal((ClipJobState.Queued, "Waits: no room."), (waiting.State, waiting.Note));
        Assert.Null(await queue.ClaimAsync(Cancel));
        var second = await queue.EnqueueAsync("anna", Request(), Cancel);
        Assert.Equal(second.Id, (await queue.ClaimAsync(Cancel))?.Id);
        _time.Advance(TimeSpan.FromSeconds(21));
        var again = (await queue.ClaimAsync(Cancel))!;
        Assert.Contains(again.Id, new[] { first.Id, second.Id });
        Assert.Equal(first.Id, again.Id == first.Id ? again.Id : (await queue.ClaimAsync(Cancel))?.Id);
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task Limits_refuse_politely_with_figures(string kind)
    {
        var (database, queue) = await OpenAsync(kind, new ClipQueueOptions { MaxOpenPerOwner = 2, MaxOpen = 3 });
        await using var _ = database;
        await queue.EnqueueAsync("anna", Request(), Cancel);
        await queue.EnqueueAsync("anna", Request(), Cancel);
        var own = await Assert.ThrowsAsync<ClipRefusedException>(() => queue.EnqueueAsync("anna", Request(), Cancel));
        Assert.Contains("2 are allowed", own.Message, StringComparison.Ordinal);
        await queue.EnqueueAsync("ben", Request(), Cancel);
        await Assert.ThrowsAsync<ClipRefusedException>(() => queue.EnqueueAsync("cleo", Request(), Cancel));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task A_cancelled_job_is_noticed_at_the_next_renewal(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        var job = await queue.EnqueueAsync("anna", Request(), Cancel);
        var claimed = await queue.ClaimAsync(Cancel);
        Assert.True(await queue.CancelAsync(job.Id, Cancel));
        Assert.False(await queue.RenewAsync(claimed!, 1, 2, null, Cancel));
        Assert.Null(await queue.ClaimAsync(Cancel));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task Finished_jobs_expire_and_open_ones_do_not(string kind)
    {
        var (database, queue) = await OpenAsync(kind);
        await using var _ = database;
        var done = await queue.EnqueueAsync("anna", Request(), Cancel);
        await queue.CompleteAsync((await queue.ClaimAsync(Cancel))!, 1, 1, [], Cancel);
        var open = await queue.EnqueueAsync("anna", Request(), Cancel);
        Assert.Empty(await queue.ExpireAsync(Cancel));
        _time.Advance(TimeSpan.FromHours(25));
        Assert.Equal([done.Id], await queue.ExpireAsync(Cancel));
        Assert.NotNull(await queue.FindAsync(open.Id, Cancel));
    }

    [Theory, InlineData("sqlite"), InlineData("postgres")]
    public async Task Many_workers_claim_each_of_many_jobs_exactly_once(string kind)
    {
        var (database, queue) = await OpenAsync(kind, new ClipQueueOptions { MaxOpenPerOwner = 100 });
        await using var _ = database;
        for (var i = 0; i < 60; i++)
            await queue.EnqueueAsync("owner" + (i % 3), Request($"u{i}"), Cancel);
        var claimed = new ConcurrentBag<string>();
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            while (claimed.Count < 60)
            {
                if (await queue.ClaimAsync(Cancel) is not { } job)
                    continue;
                claimed.Add(job.Id);
                Assert.True(await queue.CompleteAsync(job, 1, 1, [], Cancel));
            }
        })));
        Assert.Equal(60, claimed.Distinct().Count());
        Assert.Equal(60, claimed.Count);
    }
}
