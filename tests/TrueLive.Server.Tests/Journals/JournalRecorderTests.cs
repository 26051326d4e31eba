using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Journals;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Journals;

public sealed class JournalRecorderTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-journal-").FullName;
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly ServerOptions _options;
    private readonly JournalStore _journals;

    public JournalRecorderTests()
    {
        _options = new ServerOptions { DataFolder = _data };
        _journals = new JournalStore(new ClipFolders(_options), _options, _time);
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public async Task A_session_need_not_wait_for_a_journal_that_cannot_be_saved()
    {
        // No JSON has a number for this strength.
        using var session = Session(Prompt.None with { Strength = float.NaN });
        var recorder = _journals.Begin("ann", session);
        var pool = new FramePool("journal");
        using (var frame = pool.Rent(64, 64))
        {
            recorder.Received(frame);
            recorder.Sent(frame.Ticket);
        }
        await recorder.DisposeAsync().AsTask().WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, pool.Rented);
    }

    [Fact]
    public async Task A_journal_expires_after_it_is_recorded_and_not_before()
    {
        using var session = Session(Prompt.None);
        var recorder = _journals.Begin("ann", session);
        _time.Advance(TimeSpan.FromHours(_options.ClipKeepHours + 1));
        _journals.Expire();
        Assert.NotNull(_journals.Find("ann", recorder.View.Id));
        await recorder.DisposeAsync();
        _journals.Expire();
        Assert.Null(_journals.Find("ann", recorder.View.Id));
    }

    private LiveSession Session(Prompt prompt) =>
        new("session", new SessionSettings(new PassthroughModel(), 64, 64, prompt, 0, 0, false), new LiveSessionOptions(), _time);
}
