using TrueLive.Core.Clips;
using TrueLive.Server.Interactive;

namespace TrueLive.Server.Tests.Interactive;

public sealed class InteractiveConnectionTests
{
    [Fact]
    public void A_clip_that_goes_on_does_not_change_why_a_connection_ended()
    {
        var connection = new InteractiveConnection(null!, null!);
        connection.Close("Another connection took over.");
        connection.Send(new RevisionFrame(1, RevisionPass.Full, 0, TimeSpan.Zero, new byte[1]), asked: false);
        connection.Send(new PongMessage("pong", "late"), InteractiveJson.Default.PongMessage);
        connection.Close("The server is shutting down.");
        Assert.Equal("Another connection took over.", connection.Why);
    }

    [Fact]
    public void A_client_that_reads_nothing_is_told_so()
    {
        var connection = new InteractiveConnection(null!, null!);
        while (connection.Why is null)
            connection.Send(new RevisionFrame(1, RevisionPass.Full, 0, TimeSpan.Zero, new byte[1]), asked: false);
        Assert.Equal("The client reads too slowly.", connection.Why);
    }
}
