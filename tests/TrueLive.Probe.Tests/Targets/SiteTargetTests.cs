using System.Collections.Concurrent;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;

namespace TrueLive.Probe.Tests.Targets;

/// <summary>Pages by their address, in a real Chromium. Each knows nothing of the probe.</summary>
[Trait("Run", "browser")]
public sealed class SiteTargetTests : IDisposable
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly HandMadeSite _site = new();
    private readonly ConcurrentQueue<string> _notes = [];

    public void Dispose() => _site.Dispose();

    [Fact]
    public async Task A_page_that_draws_on_a_canvas_answers_the_codes()
    {
        await using var target = Target("/canvas?key=secret", new SiteOptions());
        Assert.DoesNotContain("secret", target.Description, StringComparison.Ordinal);
        await AnswersAsync(target);
        Assert.False(target.TakesPrompts);
    }

    [Fact]
    public async Task A_page_behind_a_button_is_clicked_and_its_larger_preview_its_window_and_its_question_do_not_matter()
    {
        await using var target = Target("/button", new SiteOptions { Clicks = ["#start"] });
        await AnswersAsync(target);
        Assert.Contains("as displayed", target.Description, StringComparison.Ordinal);
        Assert.Contains(_notes, n => n.Contains("tried to open a window (/advertisement)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_prompt_is_written_and_sent_as_a_person_would()
    {
        await using var target = Target("/prompts", new SiteOptions { Output = "canvas#out", PromptField = "#prompt" });
        await target.ConnectAsync(new StimulusFormat(160, 90), Cancel);
        Assert.True(target.TakesPrompts);
        await target.PromptAsync("a blue fox", Cancel);
        Assert.Equal("a blue fox", await _site.Said.WaitAsync(Cancel));
    }

    [Fact]
    public async Task A_demonstration_in_a_frame_is_measured_where_it_is()
    {
        await using var target = Target("/framed", new SiteOptions());
        await AnswersAsync(target);
    }

    [Theory]
    [InlineData("/never", "no picture beside the camera's own. The page has: video#me (the camera itself), canvas#chart (no picture)")]
    [InlineData("/silent", "did not ask for a camera; if something starts it, name that with --click. The page has: video#film (no")]
    [InlineData("/login", "asks for a login")]
    [InlineData("/refused", "answered 403")]
    public async Task A_page_that_shows_no_answer_says_why_and_what_to_change(string path, string words)
    {
        var error = await FailsAsync(path, new SiteOptions());
        Assert.Contains(words, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_camera_itself_is_no_answer()
    {
        await using var target = Target("/never", new SiteOptions { Output = "#me" });
        var error = await Assert.ThrowsAsync<TargetException>(() => target.ConnectAsync(new StimulusFormat(160, 90), Cancel));
        Assert.Contains("'#me' plays the camera itself", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_to_be_clicked_and_is_not_there_is_named()
    {
        var error = await FailsAsync("/silent", new SiteOptions { Clicks = ["#begin"] });
        Assert.Contains("nothing to click at '#begin'", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_address_that_cannot_be_opened_is_told_of_at_once()
    {
        _site.Dispose();
        await using var target = Target("/canvas", new SiteOptions());
        var error = await Assert.ThrowsAsync<TargetException>(() => target.ConnectAsync(new StimulusFormat(160, 90), Cancel));
        Assert.Contains("ERR_CONNECTION_REFUSED", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_page_that_eats_memory_ends_its_browser_and_nothing_else()
    {
        await using var target = Target("/hungry", new SiteOptions(), megabytes: 1200);
        await target.ConnectAsync(new StimulusFormat(160, 90), Cancel);
        while (await target.ReceiveAsync(Cancel) is { } seen)
            seen.Frame.Dispose();
        Assert.Contains("more than 1200 MB", target.EndedBecause, StringComparison.Ordinal);
    }

    // The page inverts what it is sent: a dark frame comes back bright, a bright one dark.
    private static async Task AnswersAsync(SiteTarget target)
    {
        await target.ConnectAsync(new StimulusFormat(160, 90), Cancel);
        var pool = new Core.Frames.FramePool("test", 2);
        foreach (var (sent, bright) in new[] { ((byte)30, true), ((byte)220, false) })
        {
            using var frame = pool.Rent(160, 90);
            frame.Y.Fill(sent);
            frame.U.Fill(128);
            frame.V.Fill(128);
            while (true)
            {
                await target.SendAsync(frame, Cancel);
                var seen = await target.ReceiveAsync(Cancel);
                Assert.True(seen is not null, target.EndedBecause);
                using var output = seen.Value.Frame;
                if (output.Y[output.StrideY * 45 + 80] > 128 == bright)
                    break;
            }
        }
    }

    // The time for connecting is over when the page has shown all that it has, however slow the machine is.
    private async Task<TargetException> FailsAsync(string path, SiteOptions site)
    {
        var time = new PatientTime();
        await using var target = Target(path, site, time: time);
        var connecting = target.ConnectAsync(new StimulusFormat(160, 90), Cancel);
        if (await Task.WhenAny(connecting, _site.Said) != connecting)
            time.End();
        return await Assert.ThrowsAsync<TargetException>(() => connecting);
    }

    private SiteTarget Target(string path, SiteOptions site, long megabytes = 4096, TimeProvider? time = null) => new(
        new Uri(_site.Address + path), site, new BrowserOptions
        {
            Patience = PatientTime.Patience,
            WithoutSandbox = Environment.UserName == "root",
            Megabytes = megabytes,
        }, time ?? TimeProvider.System)
    { Heard = _notes.Enqueue };

    /// <summary>The system's time, but patience ends when it is told to, and a page has as long to say what it shows.</summary>
    private sealed class PatientTime : TimeProvider
    {
        public static readonly TimeSpan Patience = TimeSpan.FromSeconds(299);
        private static readonly TimeSpan Look = TimeSpan.FromSeconds(5);
        private Action? _end;

        public void End() => _end!();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime == Patience)
                _end = () => callback(state);
            return base.CreateTimer(callback, state, dueTime == Look ? Patience : dueTime, period);
        }
    }
}
