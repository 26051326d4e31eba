using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Live.Sessions;

/// <summary>A mask is a second network: it needs room on the machine, and is refused in words where there is none.</summary>
public sealed class MaskAdmissionTests : IAsyncDisposable
{
    private readonly Admission _admission = new(cores: 2, targetRate: 30, maxSessions: 0);
    private readonly SessionRegistry _registry;

    public MaskAdmissionTests()
    {
        var model = MaskedModel.Of(new PassthroughModel(), TimeProvider.System);
        _registry = new SessionRegistry(new ModelStore([model]), _admission, new ServerOptions(), new FakeTimeProvider(),
            NullLogger<SessionRegistry>.Instance);
        // 19 ms of processor time at 30 frames per second is 0.57 of the 1.8 cores that may be spent, 0.32; a mask adds 0.17.
        _admission.Learn(new FrameCost("passthrough", 512, 288, StepMs: 10, CpuMs: 19, Frames: 30));
        _admission.Learn(new MaskCost(10, 0, 24));
    }

    public ValueTask DisposeAsync() => _registry.DisposeAsync();

    private HostedSession Create(string? prompt = null) => _registry.Create(new SessionRequest(null, null, prompt, null));

    private string? Say(HostedSession hosted, string text) =>
        _registry.Update(hosted, text, new PromptChange(text, null, null)).Rejected;

    private static KeepMask MaskOf(HostedSession hosted) => KeepMask.Of(hosted.Session.Settings.Prompt);

    [Fact]
    public void The_capacity_counts_a_mask()
    {
        var model = MaskedModel.Of(new PassthroughModel(), TimeProvider.System);
        Assert.Equal(3, _admission.Capacity(model, 512, 288));
        Assert.Equal(2, _admission.Capacity(model, 512, 288, masked: true));
        Assert.Equal(0.57 / 1.8, _admission.ShareOf(Create().Session.Settings), 6);
        Assert.Equal(0.87 / 1.8, _admission.ShareOf(Create("blur the background").Session.Settings), 6);
    }

    [Fact]
    public void A_mask_that_begins_where_there_is_no_room_is_refused_in_words_and_the_session_goes_on_as_it_was()
    {
        var (first, second, third) = (Create(), Create(), Create());
        var before = first.Session.Settings;
        var refused = Say(first, "ink, blur the background");
        Assert.Contains("with a mask of the person", refused, StringComparison.Ordinal);
        Assert.Contains("leave the mask out", refused, StringComparison.Ordinal);
        Assert.Same(before, first.Session.Settings);
        Assert.Contains("with a mask", _registry.Update(second, "set", new PromptChange(null, null, null)
        { Values = [new(KeepMask.OnId, "person")] }).Rejected, StringComparison.Ordinal);
        Assert.Null(Say(second, "ink"));

        // With one session less there is room for two masks.
        _registry.End(third, EndCause.ControlClient);
        Assert.Null(Say(first, "blur the background"));
        Assert.Equal(MaskRest.Blur, MaskOf(first).Rest);
        Assert.Null(Say(second, "only me"));
        Assert.NotNull(Assert.Throws<RequestRefusedException>(() => Create()).Refusal);
    }

    [Fact]
    public void What_a_mask_has_is_changed_and_ended_without_asking_and_gives_its_room_back()
    {
        var first = Create("blur the background");
        var second = Create();
        Assert.Contains("with a mask", Assert.Throws<RequestRefusedException>(() => Create("only me")).Message, StringComparison.Ordinal);
        Assert.Throws<RequestRefusedException>(() => Create());
        Assert.Null(Say(first, "on a white background"));
        Assert.Null(Say(first, "ink"));
        Assert.True(MaskOf(first).IsEmpty);
        Assert.NotNull(Create());
        Assert.NotNull(Say(second, "only me"));
    }

    [Fact]
    public void A_session_alone_has_its_mask_whatever_it_costs()
    {
        _admission.Learn(new MaskCost(500, 0, 24));
        var first = Create();
        Assert.Null(Say(first, "blur the background"));
        Assert.Throws<RequestRefusedException>(() => Create());
    }

    [Fact]
    public void A_prompt_that_is_no_valid_one_is_refused_for_that()
    {
        Create();
        Create();
        var third = Create();
        Assert.Contains("longer than", Say(third, "blur the background" + new string(' ', Prompt.MaxLength)), StringComparison.Ordinal);
        Assert.Contains("must be one of", _registry.Update(third, "set", new PromptChange(null, null, null)
        { Values = [new(KeepMask.RestId, "plaid")] }).Rejected, StringComparison.Ordinal);
    }
}
