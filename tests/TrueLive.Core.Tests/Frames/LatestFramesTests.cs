using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Frames;

public sealed class LatestFramesTests : IDisposable
{
    private readonly FramePool _pool = new("mailbox test");

    public void Dispose() => Assert.Equal(0, _pool.Rented);

    [Fact]
    public void The_newest_frame_wins_and_the_loser_goes_back_to_the_pool()
    {
        using var mailbox = new LatestFrames();
        Assert.False(mailbox.Put(Frame(1)));
        Assert.True(mailbox.Put(Frame(2)));
        Assert.Equal(1, _pool.Rented);
        using var taken = mailbox.Take(TestContext.Current.CancellationToken);
        Assert.Equal(2, taken!.Ticket.SourceSequence);
    }

    [Fact]
    public async Task A_waiting_reader_gets_every_frame_when_it_keeps_up()
    {
        using var mailbox = new LatestFrames();
        var seen = new List<long>();
        using var read = new SemaphoreSlim(0);
        var reader = Task.Factory.StartNew(
            () =>
            {
                while (mailbox.Take(CancellationToken.None) is { } frame)
                {
                    seen.Add(frame.Ticket.SourceSequence);
                    frame.Dispose();
                    read.Release();
                }
            }, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        for (var i = 0; i < 1000; i++)
        {
            mailbox.Put(Frame(i));
            await read.WaitAsync(TestContext.Current.CancellationToken);
        }
        mailbox.Close();
        await reader;
        Assert.Equal(Enumerable.Range(0, 1000).Select(i => (long)i), seen);
    }

    [Fact]
    public void A_closed_mailbox_takes_nothing_and_hands_out_nothing()
    {
        using var mailbox = new LatestFrames();
        mailbox.Close();
        mailbox.Put(Frame(1));
        Assert.Equal(0, _pool.Rented);
        Assert.Null(mailbox.Take(TestContext.Current.CancellationToken));
    }

    private VideoFrame Frame(long sequence)
    {
        var frame = _pool.Rent(4, 4);
        frame.Ticket = new FrameTicket(sequence, TimeSpan.Zero, 0, 0);
        return frame;
    }
}
