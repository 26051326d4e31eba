using System.Collections.Concurrent;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Clips;

public sealed class InteractiveClipTests : IAsyncDisposable
{
    private readonly FramePool _pool = new("interactive test", 64);
    private readonly EchoModel _model;
    private readonly BlockingCollection<ClipRevision> _changes = [];
    private readonly ConcurrentQueue<RevisionFrame> _frames = new();
    private readonly InteractiveClip _clip;

    public InteractiveClipTests()
    {
        _model = new EchoModel(_pool);
        var source = Enumerable.Range(0, 90).Select(i =>
        {
            var frame = _pool.Rent(32, 32);
            frame.Ticket = new FrameTicket(i, TimeSpan.FromSeconds(i / 30.0), 0, 0);
            return frame;
        });
        _clip = new InteractiveClip([.. source], _model, 32, 32, f => new[] { f.Y[0], f.U[0] }, TimeProvider.System)
        {
            Changed = _changes.Add,
            FrameReady = _frames.Enqueue,
        };
    }

    private static ClipTweak Tweak(string prompts, double playhead = 1) =>
        new(prompts, 1, TimeSpan.Zero, TimeSpan.MaxValue / 2, TimeSpan.FromSeconds(playhead));

    private ClipRevision WaitFor(long number, RevisionState state)
    {
        foreach (var change in _changes.GetConsumingEnumerable(TestContext.Current.CancellationToken))
        {
            if (change.Number == number && change.State == state)
                return change;
        }
        throw new InvalidOperationException("No more changes.");
    }

    [Fact]
    public void A_tweak_gives_a_preview_then_a_coarse_clip_then_every_frame()
    {
        // The coarse pass has a thread of its own, which may begin late.
        using var begun = new ManualResetEventSlim();
        _clip.FrameReady += f => { if (f.Pass == RevisionPass.Coarse) begun.Set(); };
        _clip.BeforeStep = (pass, _) => { if (pass == RevisionPass.Full) begun.Wait(TestContext.Current.CancellationToken); };
        var revision = _clip.Tweak(Tweak("ink"));
        var full = WaitFor(revision.Number, RevisionState.Full);

        Assert.Equal(90, full.FullFrames);
        Assert.True(full.ToPreview <= full.ToPlayable && full.ToPlayable <= full.ToFull);
        var passes = _frames.Select(f => f.Pass).ToArray();
        Assert.Equal(RevisionPass.Preview, passes[0]);
        Assert.Equal(30, _frames.First().Index);
        Assert.InRange(passes.Count(p => p == RevisionPass.Coarse), 1, 23);
        Assert.All(_frames.Where(f => f.Pass == RevisionPass.Coarse), f => Assert.Equal(0, f.Index % InteractiveClip.CoarseStep));
        Assert.All(_frames.GroupBy(f => f.Index), f => Assert.Equal(f.Select(p => p.Pass).Order(), f.Select(p => p.Pass)));
        Assert.Equal(Enumerable.Range(1, 90), _frames.Where(f => f.Pass == RevisionPass.Full).Select(f => (int)f.Encoded.Span[0]));
    }

    [Fact]
    public void A_change_from_a_moment_on_reuses_every_frame_before_the_checkpoint_and_equals_a_fresh_rendering()
    {
        WaitFor(_clip.Tweak(Tweak("0s ink; 2s neon")).Number, RevisionState.Full);
        _frames.Clear();
        var steps = _model.Steps;
        var branch = WaitFor(_clip.Tweak(Tweak("0s ink; 2s noir"), parent: 1).Number, RevisionState.Full);

        Assert.Equal(60, branch.ReusedFrames);
        Assert.InRange(_model.Steps - steps, 30, 30 + 8 + 1);
        var full = _frames.Where(f => f.Pass == RevisionPass.Full).OrderBy(f => f.Index).ToArray();
        Assert.Equal(Enumerable.Range(1, 90), full.Select(f => (int)f.Encoded.Span[0]));
        Assert.Equal(90, _clip.FramesOf(branch.Number).Length);
    }

    [Fact]
    public void Fifty_tweaks_end_with_the_last_one_and_every_one_is_accounted_for()
    {
        using var hold = new SemaphoreSlim(0);
        _model.OnStep = () => hold.Wait(5);
        long last = 0;
        for (var i = 0; i < 50; i++)
            last = _clip.Tweak(Tweak(new string('x', i + 1))).Number;
        _model.OnStep = null;
        WaitFor(last, RevisionState.Full);

        Assert.Equal(50, _clip.Revisions.Length);
        Assert.All(_clip.Revisions, r => Assert.True(r.State is RevisionState.Full or RevisionState.Superseded,
            $"{r.Number} is {r.State}"));
        Assert.Equal(RevisionState.Full, _clip.Revisions[^1].State);
        Assert.Equal(50, _frames.Last().Encoded.Span[1]);
    }

    [Fact]
    public void Superseded_work_ends_within_one_step()
    {
        using var inStep = new SemaphoreSlim(0);
        using var go = new SemaphoreSlim(0);
        _model.OnStep = () =>
        {
            inStep.Release();
            go.Wait();
        };
        var first = _clip.Tweak(Tweak("a")).Number;
        inStep.Wait(TestContext.Current.CancellationToken);
        var second = _clip.Tweak(Tweak("b")).Number;
        _model.OnStep = null;
        go.Release(1000);
        WaitFor(second, RevisionState.Full);
        Assert.Single(_frames, f => f.Revision == first);
    }

    [Fact]
    public void A_failed_step_fails_its_revision_only()
    {
        var steps = 0;
        _model.FailNextStep = () => ++steps == 40;
        var failed = WaitFor(_clip.Tweak(Tweak("a")).Number, RevisionState.Failed);
        Assert.Contains("on purpose", failed.Error, StringComparison.Ordinal);
        WaitFor(_clip.Tweak(Tweak("b")).Number, RevisionState.Full);
    }

    [Fact]
    public void Whatever_a_rendering_dies_of_the_next_one_is_made()
    {
        _model.OnStep = () => throw new NotSupportedException("too big on purpose");
        var failed = WaitFor(_clip.Tweak(Tweak("a")).Number, RevisionState.Failed);
        Assert.Contains("too big on purpose", failed.Error, StringComparison.Ordinal);
        _model.OnStep = null;
        WaitFor(_clip.Tweak(Tweak("b")).Number, RevisionState.Full);
        Assert.False(_clip.Busy);
    }

    [Fact]
    public void The_one_who_tweaks_hears_of_the_revision_before_its_states_and_they_come_in_order()
    {
        var heard = -1;
        var number = _clip.Tweak(Tweak("a"), told: r => heard = _changes.Count(c => c.Number == r.Number)).Number;
        Assert.Equal(0, heard);
        var states = new List<RevisionState>();
        foreach (var change in _changes.GetConsumingEnumerable(TestContext.Current.CancellationToken))
        {
            states.Add(change.State);
            if (change.Number == number && change.State == RevisionState.Full)
                break;
        }
        Assert.Equal(states.Order(), states);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_names_a_revision_or_asks_for_all_hears_of_it_before_its_next_state(bool names)
    {
        using var go = new SemaphoreSlim(0);
        var rendering = new TaskCompletionSource<Thread>(TaskCreationOptions.RunContinuationsAsynchronously);
        var goesOn = false;
        _model.OnStep = () =>
        {
            rendering.TrySetResult(Thread.CurrentThread);
            go.Wait(TestContext.Current.CancellationToken);
            Volatile.Write(ref goesOn, true);
        };
        var number = _clip.Tweak(Tweak("a")).Number;
        WaitFor(number, RevisionState.Rendering);
        var thread = await rendering.Task.WaitAsync(TestContext.Current.CancellationToken);
        bool? overtaken = null;
        void Told(ClipRevision revision)
        {
            // Nothing keeps the rendering from going on but this.
            _model.OnStep = null;
            go.Release(1000);
            SpinWait.SpinUntil(() => _changes.Count > 0 || (Volatile.Read(ref goesOn) && SideThread.Waits(thread)),
                TimeSpan.FromMinutes(5));
            overtaken = _changes.Count > 0;
        }
        if (names)
            _clip.Rename(number, "kept", Told);
        else
            _clip.Tell(revisions => Told(revisions[^1]));
        Assert.False(overtaken);
        Assert.Equal(names ? "kept" : "", WaitFor(number, RevisionState.Full).Name);
        Assert.False(_clip.Busy);
    }

    [Fact]
    public void Named_revisions_are_kept_until_no_more_fit_and_then_a_tweak_is_refused()
    {
        for (var i = 0; i < InteractiveClip.MaxRevisions; i++)
            _clip.Tweak(Tweak("a"), name: $"keep {i}");
        Assert.Contains("have names", Assert.Throws<ArgumentException>(() => _clip.Tweak(Tweak("b"))).Message, StringComparison.Ordinal);
        Assert.Equal(InteractiveClip.MaxRevisions, _clip.Revisions.Length);
        WaitFor(InteractiveClip.MaxRevisions, RevisionState.Full);
        _clip.Rename(1, "");
        Assert.Equal("b", _clip.Tweak(Tweak("b")).Tweak.Prompts);
        Assert.DoesNotContain(_clip.Revisions, r => r.Number == 1);
    }

    [Fact]
    public void A_coarse_pass_that_has_to_wait_is_called_off_when_the_full_one_is_done()
    {
        _clip.BeforeStep = (pass, cancel) =>
        {
            if (pass == RevisionPass.Coarse && cancel.WaitHandle.WaitOne())
                cancel.ThrowIfCancellationRequested();
        };
        var full = WaitFor(_clip.Tweak(Tweak("ink")).Number, RevisionState.Full);
        Assert.Equal(full.ToFull, full.ToPlayable);
        Assert.DoesNotContain(_frames, f => f.Pass == RevisionPass.Coarse);
    }

    [Fact]
    public void What_cannot_be_rendered_is_refused_with_the_reason()
    {
        Assert.Contains("Entry 2", Assert.Throws<ArgumentException>(() => _clip.Tweak(Tweak("a; b"))).Message, StringComparison.Ordinal);
        Assert.Contains("No frame", Assert.Throws<ArgumentException>(() =>
            _clip.Tweak(Tweak("a") with { TrimEnd = TimeSpan.Zero })).Message, StringComparison.Ordinal);
    }

    public async ValueTask DisposeAsync()
    {
        await _clip.DisposeAsync();
        Assert.Equal(0, _pool.Rented);
        _changes.Dispose();
        _model.Dispose();
    }
}
