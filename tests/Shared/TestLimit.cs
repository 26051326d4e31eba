using System.Collections.Concurrent;
using System.Reflection;
using TrueLive.Tests.Shared;
using Xunit.v3;

[assembly: TestLimit]

namespace TrueLive.Tests.Shared;

/// <summary>
/// Cancels a test that waits for ever, so that it fails with its name and the line where it waited, before <c>./test</c> kills the whole
/// run (after 15 minutes without <c>TRUELIVE_TEST_HANG</c>) and nobody knows why. Only waits with the test's token end; the name stands in
/// the log either way. Set-up and clean-up are not covered. Tests that run in <c>full</c> only may take as long as they like.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
internal sealed class TestLimitAttribute : BeforeAfterTestAttribute
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(12);
    private static readonly ConcurrentDictionary<string, ITimer> s_running = [];

    public override void Before(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (test.Traits.TryGetValue("Run", out var runs) && runs.Contains("full"))
            return;
        var context = TestContext.Current;
        s_running[test.UniqueID] = TimeProvider.System.CreateTimer(_ => Cancel(context, test.TestDisplayName), null, s_limit,
            Timeout.InfiniteTimeSpan);
    }

    public override void After(MethodInfo methodUnderTest, IXunitTest test)
    {
        if (s_running.TryRemove(test.UniqueID, out var timer))
            timer.Dispose();
    }

    private static void Cancel(ITestContext context, string test)
    {
        Console.Error.WriteLine($"{test} has run for {s_limit.TotalMinutes} minutes and is cancelled.");
        try
        {
            context.TestOutputHelper?.WriteLine($"Cancelled after {s_limit.TotalMinutes} minutes. The stack says where it waited.");
            context.CancelCurrentTest();
        }
        catch (Exception over) when (over is ObjectDisposedException or InvalidOperationException)
        {
            // It has just ended.
        }
    }
}
