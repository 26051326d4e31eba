using TrueLive.Models.Threads;

namespace TrueLive.Models.Tests.Threads;

public sealed class SharedRowsTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Every_band_is_worked_on_once_in_each_run_and_all_are_done_when_it_returns(bool helped)
    {
        var done = new int[23];
        var rows = new SharedRows(done.Length, band => Interlocked.Increment(ref done[band]));
        for (var run = 1; run <= 2000; run++)
        {
            rows.Run(helped);
            Assert.All(done, count => Assert.Equal(run, count));
        }
    }

    [Fact]
    public void What_a_band_throws_reaches_the_caller_and_the_next_run_is_whole()
    {
        var fail = true;
        var done = 0;
        var rows = new SharedRows(8, band =>
        {
            Interlocked.Increment(ref done);
            if (fail && band == 5)
                throw new InvalidOperationException("band 5");
        });
        Assert.Equal("band 5", Assert.Throws<InvalidOperationException>(() => rows.Run(true)).Message);
        (fail, done) = (false, 0);
        rows.Run(true);
        Assert.Equal(8, done);
    }
}
