namespace TrueLive.Watch.Tests;

/// <summary>When a watch runs, in virtual time. It works in UTC, so summer time is nothing to it.</summary>
public sealed class WatchScheduleTests
{
    private static readonly TimeSpan Ten = TimeSpan.FromMinutes(10);
    private readonly SteppedClock _clock = new(_ => false);

    [Fact]
    public void Runs_begin_at_even_times_however_long_each_takes()
    {
        var schedule = new WatchSchedule(_clock, Ten, null);
        for (var k = 0; k < 20; k++)
        {
            Assert.Equal(k == 0 ? TimeSpan.Zero : Ten - TimeSpan.FromSeconds(29 * k), schedule.Left);
            _clock.Advance(schedule.Left);
            Assert.Equal(new DueRun(0, 0, null), schedule.Begin());
            _clock.Advance(TimeSpan.FromSeconds(29 * (k + 1)));
            schedule.End();
        }
    }

    [Theory]
    [InlineData(9.9, 0, 0.1)]
    [InlineData(10, 0, 0)]
    [InlineData(10.1, 1, 9.9)]
    [InlineData(39, 3, 1)]
    public void A_run_that_takes_longer_than_the_interval_leaves_out_what_it_covers(double minutes, int skipped, double left)
    {
        var schedule = new WatchSchedule(_clock, Ten, null);
        schedule.Begin();
        _clock.Advance(TimeSpan.FromMinutes(minutes));
        schedule.End();
        Assert.Equal(TimeSpan.FromMinutes(left), schedule.Left);
        _clock.Advance(schedule.Left);
        Assert.Equal(new DueRun(0, skipped, null), schedule.Begin());
    }

    [Fact]
    public void A_machine_that_slept_for_an_hour_runs_once_and_says_what_it_missed()
    {
        var schedule = new WatchSchedule(_clock, Ten, null);
        schedule.Begin();
        schedule.End();
        // The monotonic clock of a machine stands still while it sleeps.
        _clock.Set = TimeSpan.FromMinutes(63);
        Assert.True(schedule.Left <= TimeSpan.Zero);
        Assert.Equal(new DueRun(5, 0, null), schedule.Begin());
        schedule.End();
        Assert.Equal(TimeSpan.FromMinutes(7), schedule.Left);
        _clock.Advance(schedule.Left);
        Assert.Equal(new DueRun(0, 0, null), schedule.Begin());
    }

    [Fact]
    public void A_clock_that_is_set_back_delays_nothing_and_is_told()
    {
        var schedule = new WatchSchedule(_clock, Ten, null);
        schedule.Begin();
        schedule.End();
        _clock.Set = -TimeSpan.FromHours(2);
        Assert.Equal(Ten, schedule.Left);
        _clock.Advance(Ten);
        Assert.Equal(new DueRun(0, 0, 7200), schedule.Begin());
        schedule.End();
        _clock.Advance(Ten);
        Assert.Equal(new DueRun(0, 0, null), schedule.Begin());
    }

    [Fact]
    public void A_watch_that_is_started_again_keeps_its_times()
    {
        var last = _clock.GetUtcNow();
        _clock.Advance(TimeSpan.FromMinutes(4));
        Assert.Equal(TimeSpan.FromMinutes(6), new WatchSchedule(_clock, Ten, last).Left);
        _clock.Advance(TimeSpan.FromMinutes(30));
        var late = new WatchSchedule(_clock, Ten, last);
        Assert.Equal(new DueRun(2, 0, null), late.Begin());
        late.End();
        Assert.Equal(TimeSpan.FromMinutes(6), late.Left);
    }

    [Fact]
    public void A_watch_that_is_started_again_with_its_clock_set_back_does_not_wait_for_the_old_time()
    {
        var schedule = new WatchSchedule(_clock, Ten, _clock.GetUtcNow() + TimeSpan.FromDays(1));
        Assert.Equal(TimeSpan.Zero, schedule.Left);
        Assert.Equal(86_400, schedule.Begin().ClockBack);
    }
}
