using System.Collections.Concurrent;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Tests.Live.Sessions;

public sealed class InputStateTests
{
    [Fact]
    public async Task Whoever_begins_to_follow_hears_no_older_problem_after_a_newer_one()
    {
        var input = new InputState();
        input.Tell("too large");
        var heard = new ConcurrentQueue<string?>();
        Task? over = null;
        var overtaken = false;
        input.Follow(problem =>
        {
            if (over is null)
            {
                over = SideThread.Start(() => input.Tell(null));
                overtaken = input.Problem is null;
            }
            heard.Enqueue(problem);
        });
        await over!;
        Assert.False(overtaken);
        Assert.Equal(["too large", null], heard);
    }
}
