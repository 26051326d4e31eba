using System.Collections.Concurrent;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;

namespace TrueLive.Core.Tests.Sessions;

/// <summary>A model in another process that is unavailable for a while.</summary>
public sealed class AwayModelTests : IDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly FramePool _pool = new("test frames");
    private readonly CountingModel _model;
    private readonly KeepingSink _sink = new();
    private readonly LiveSession _session;
    private readonly HandFedSource _source;
    private readonly BlockingCollection<CommandApplied> _applied = [];

    public AwayModelTests()
    {
        _model = new CountingModel(_pool);
        _session = new LiveSession("s", new SessionSettings(_model, 64, 36, Prompt.None, 0, 0, false), new LiveSessionOptions(), _time);
        _session.Applied += (_, applied) => _applied.Add(applied);
        _source = new HandFedSource(_pool, _time);
    }

    public void Dispose()
    {
        _session.Dispose();
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public async Task Its_frames_are_passed_through_and_labelled_and_a_prompt_waits_for_the_first_one_that_it_makes()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        _source.Feed();
        Assert.Equal((FrameOrigin.Generated, 1), Shown(await _sink.NextAsync()));
        _model.Fails = new ModelAwayException("It is away.\nTraceback", forGood: false);
        _session.Update("c1", new PromptChange("ink", null, null));
        for (byte luma = 50; luma < 90; luma++)
        {
            _source.Feed(luma);
            var passed = await _sink.NextAsync();
            Assert.Equal((FrameOrigin.PassedThrough, luma), Shown(passed));
            Assert.Equal((null, 0L), (passed.Trace.ModelId, passed.Trace.PromptRevision));
        }
        Assert.Empty(_applied);
        await SentAsync(41);
        Assert.Equal(("It is away.\nTraceback", 0), (_session.Stats.Away, _session.Stats.StepFailed));
        Assert.Equal("passed through: It is away.", TierWords.PassedThrough(_session.Stats.Away!));
        _model.Fails = null;
        _source.Feed();
        var made = await _sink.NextAsync();
        Assert.Equal((FrameOrigin.Generated, "counting", 1L), (made.Trace.Origin, made.Trace.ModelId, made.Trace.PromptRevision));
        Assert.Equal("c1", _applied.Take(TestContext.Current.CancellationToken).CommandId);
        Assert.Null(_session.Stats.Away);
        _source.End();
        Assert.Equal(EndCause.ReceiveClient, (await run).Cause);
    }

    [Fact]
    public async Task What_a_mask_hides_stays_hidden_while_its_frames_are_passed_through()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        (_model.Fails, _model.Covers) = (new ModelAwayException("It is away.", forGood: false), 7);
        _source.Feed(77);
        var covered = await _sink.NextAsync();
        Assert.Equal((FrameOrigin.PassedThrough, 7), Shown(covered));
        Assert.Equal((null, "blur"), (covered.Trace.ModelId, covered.Trace.Mask!.Value.Rest));
        await SentAsync(1);
        Assert.Equal(new MaskStats(TimeSpan.FromMilliseconds(6), Nobody: true), _session.Stats.Mask);
        _source.End();
        await run;
    }

    [Fact]
    public async Task A_frame_whose_mask_fails_is_not_passed_through_and_the_session_goes_on()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        (_model.Fails, _model.Covers) = (new ModelAwayException("It is away.", forGood: false), 7);
        _model.CoverFails = new ModelStepException("The mask failed.");
        _source.Feed(77);
        await _model.Entered.WaitAsync(TestContext.Current.CancellationToken);
        while (_session.Stats.StepFailed == 0 && !run.IsCompleted)
            await Task.Yield();
        _model.CoverFails = null;
        _source.Feed(78);
        Assert.Equal((FrameOrigin.PassedThrough, 7), Shown(await _sink.NextAsync()));
        await SentAsync(1);
        Assert.Equal(1, _session.Stats.StepFailed);
        _source.End();
        Assert.Equal(EndCause.ReceiveClient, (await run).Cause);
    }

    [Fact]
    public async Task Frames_of_another_size_are_passed_through_at_the_size_of_the_model()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        _model.Fails = new ModelAwayException("It is away.", forGood: false);
        _source.Feed(77, 128, 72);
        var (trace, luma, width, height) = await _sink.NextAsync();
        Assert.Equal((FrameOrigin.PassedThrough, 77, 64, 36), (trace.Origin, luma, width, height));
        _source.End();
        await run;
    }

    [Fact]
    public async Task Pictures_that_it_did_not_make_keep_no_promise()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        _model.Fails = new ModelAwayException("It is away.", forGood: false);
        for (var i = 0; i < 240; i++)
        {
            _source.Feed();
            await _sink.NextAsync();
            await SentAsync(i + 1);
            _time.Advance(TimeSpan.FromMilliseconds(33));
        }
        Assert.Equal((0.0, 0.0), (_session.Stats.DegradedTo, _session.Stats.GeneratedPerSecond));
        _source.End();
        await run;
    }

    [Fact]
    public async Task One_whose_memory_is_used_up_ends_the_session_at_once_with_the_reason()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        _source.Feed();
        await _sink.NextAsync();
        _model.Fails = new ModelMemoryException("counting failed at 64x36: the memory of cuda:0 is used up.");
        _source.Feed();
        var end = await run;
        Assert.Equal((EndCause.StepServer,
            "There is no memory left for the model. counting failed at 64x36: the memory of cuda:0 is used up."), (end.Cause, end.Words));
    }

    [Fact]
    public async Task One_that_does_not_come_back_ends_the_session_with_its_reason()
    {
        var run = _session.RunAsync(_source, _sink, TestContext.Current.CancellationToken);
        _model.Fails = new ModelAwayException("It ended four times.", forGood: true);
        _source.Feed();
        var end = await run;
        Assert.Equal((EndCause.StepServer, "The model failed on many frames in a row. It ended four times."), (end.Cause, end.Words));
    }

    // A frame is counted once the sink has taken it.
    private async Task SentAsync(long frames)
    {
        while (_session.Stats.Sent < frames)
        {
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
            await Task.Yield();
        }
        Assert.Equal(frames, _session.Stats.Sent);
    }

    private static (FrameOrigin, byte) Shown((FrameTicket Trace, byte Luma, int, int) frame) => (frame.Trace.Origin, frame.Luma);
}
