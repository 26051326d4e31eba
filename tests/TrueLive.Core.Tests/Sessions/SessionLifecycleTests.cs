using CsCheck;
using TrueLive.Core.Sessions;

namespace TrueLive.Core.Tests.Sessions;

public sealed class SessionLifecycleTests
{
    private static readonly SessionState[] States = Enum.GetValues<SessionState>();

    [Fact]
    public void The_end_is_reached_from_everywhere_and_left_by_nothing()
    {
        foreach (var state in States)
        {
            Assert.Equal(state != SessionState.Ended, SessionLifecycle.Allows(state, SessionState.Ended));
            Assert.False(SessionLifecycle.Allows(SessionState.Ended, state));
        }
    }

    [Fact]
    public void Created_is_never_reached_again_and_no_state_follows_itself() =>
        Gen.Select(Gen.Enum<SessionState>(), Gen.Enum<SessionState>()).Sample((from, to) =>
            !SessionLifecycle.Allows(from, to) || (to != SessionState.Created && from != to));

    [Fact]
    public void A_detached_session_must_connect_before_it_can_pause_by_itself()
    {
        Assert.False(SessionLifecycle.Allows(SessionState.Created, SessionState.Detached));
        Assert.True(SessionLifecycle.Allows(SessionState.Detached, SessionState.Live));
    }
}
