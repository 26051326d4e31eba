using System.Collections.Concurrent;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Control;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Tests.Live.Control;

public sealed class ControlConnectionTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly SessionRegistry _registry;
    private readonly HostedSession _hosted;
    private readonly ControlConnection _control;
    private readonly BlockingCollection<JsonNode> _said = [];
    private Task _measured = Task.CompletedTask;

    public ControlConnectionTests()
    {
        var admission = new Admission(2, 30, 0);
        admission.Learn(new FrameCost("passthrough", 512, 288, StepMs: 1, CpuMs: 1, Frames: 12));
        _registry = new SessionRegistry(
            new ModelStore([new PassthroughModel()]), admission, new ServerOptions(), _time, NullLogger<SessionRegistry>.Instance)
        {
            Places = { Measured = (_, _, _, _) => _measured },
        };
        _hosted = _registry.Create(new SessionRequest(null, null, null, null));
        _control = new ControlConnection(new AdmittedClient(_hosted, 1, null), _registry, "test", utf8 =>
        {
            var message = JsonNode.Parse(utf8.Span)!;
            Published.CheckMessage(Published.Control, message);
            _said.Add(message);
        }, _time);
    }

    public async ValueTask DisposeAsync()
    {
        _control.Dispose();
        await _control.Finished;
        await _registry.DisposeAsync();
    }

    [Fact]
    public void The_first_message_says_what_the_client_has_got()
    {
        var hello = Next();
        Assert.Equal(("session", 1, "live"), (Text(hello, "type"), (int)hello["v"]!, Text(hello, "tier")));
        Assert.Equal((_hosted.Session.Id, _hosted.Token), (Text(hello, "session"), Text(hello, "token")));
    }

    [Fact]
    public async Task What_happens_while_a_client_is_greeted_is_told_after_the_greeting()
    {
        Task? ending = null;
        var told = new ConcurrentQueue<string>();
        using var other = new ControlConnection(new AdmittedClient(_hosted, 2, null), _registry, "test", utf8 =>
        {
            ending ??= SideThread.Start(() => _registry.End(_hosted, EndCause.ControlServer));
            told.Enqueue(Text(JsonNode.Parse(utf8.Span)!, "type"));
        }, _time);
        await ending!;
        Assert.Equal(["session", "state"], told);
    }

    [Fact]
    public void A_prompt_is_accepted_with_what_was_understood()
    {
        Next();
        Say("""{"type":"prompt","id":"c1","text":"ink","strength":0.5,"transition_ms":100,"from_the_future":{"x":[1]}}""");
        var answer = Next();
        Assert.Equal(("accepted", "c1", "ink"), (Text(answer, "type"), Text(answer, "id"), Text(answer["prompt"]!, "text")));
        Assert.Equal((1, false), ((int)answer["prompt"]!["revision"]!, (bool)answer["prompt"]!["understood"]!));
    }

    [Theory]
    [InlineData("""{"type":"prompt","id":"c1","strength":7}""", "rejected", "strength")]
    [InlineData("""{"type":"model","id":"c1","model":"nope"}""", "rejected", "no model")]
    [InlineData("""{"type":"dance","id":"c1"}""", "error", "dance")]
    [InlineData("""{"id":"c1"}""", "error", "not one of")]
    public void What_cannot_be_done_is_answered_with_its_id_and_a_reason(string message, string type, string words)
    {
        Next();
        Say(message);
        var answer = Next();
        Assert.Equal((type, "c1"), (Text(answer, "type"), Text(answer, "id")));
        Assert.Contains(words, Text(answer, "reason"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_switch_to_what_is_warmed_up_first_says_so_and_holds_up_no_other_command()
    {
        Next();
        var warm = new TaskCompletionSource();
        _measured = warm.Task;
        // A session that runs alone does not wait for a measurement, so there is a second one.
        _registry.Create(new SessionRequest(null, null, null, null));
        Say("""{"type":"model","id":"m","size":"640x360"}""");
        var warming = Next();
        Assert.Equal(("warming", "m", "passthrough", "640x360"),
            (Text(warming, "type"), Text(warming, "id"), Text(warming, "model"), Text(warming, "size")));
        Say("""{"type":"model","id":"again","size":"320x180"}""");
        var rejected = Next();
        Assert.Equal(("rejected", "again"), (Text(rejected, "type"), Text(rejected, "id")));
        Say("""{"type":"prompt","id":"p","text":"ink"}""");
        Assert.Equal("p", Text(Next(), "id"));
        Assert.Equal(512, _hosted.Session.Settings.Width);
        warm.SetResult();
        var accepted = Next();
        Assert.Equal(("accepted", "m", "640x360"), (Text(accepted, "type"), Text(accepted, "id"), Text(accepted, "size")));
        Assert.Equal(640, _hosted.Session.Settings.Width);
    }

    [Fact]
    public void Any_bytes_at_all_get_an_answer()
    {
        Next();
        Gen.Byte.Array[0, 200].Sample(
            bytes =>
            {
                _control.Receive(bytes);
                return Text(Next(), "type") is "error" or "rejected" or "accepted";
            }, threads: 1, iter: 2000);
        _control.Receive(new byte[5000]);
        Assert.Contains("4096", Text(Next(), "reason"), StringComparison.Ordinal);
        Say("[[[[[[[[[[[[1]]]]]]]]]]]]");
        Assert.Equal("error", Text(Next(), "type"));
    }

    [Fact]
    public void Pause_and_ping_are_answered_and_figures_come_every_second()
    {
        Next();
        Say("""{"type":"pause","id":"p"}""");
        Assert.Equal("accepted", Text(Next(), "type"));
        Assert.Equal("applied", Text(Next(), "type"));
        Assert.True(_hosted.Session.Settings.Paused);
        Say("""{"type":"ping","id":"q","t":12.5}""");
        Assert.Equal(12.5, (double)Next()["t"]!);
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal("stats", Text(Next(), "type"));
    }

    [Fact]
    public void End_ends_the_session()
    {
        Next();
        Say("""{"type":"end","id":"e"}""");
        Assert.Equal("accepted", Text(Next(), "type"));
        var state = Next();
        Assert.Equal(("state", "ended"), (Text(state, "type"), Text(state, "state")));
        Assert.Null(_registry.Find(_hosted.Session.Id));
    }

    private static string Text(JsonNode node, string name) => (string)node[name]!;

    private void Say(string json) => _control.Receive(Encoding.UTF8.GetBytes(json));

    private JsonNode Next()
    {
        Assert.True(_said.TryTake(out var message, TimeSpan.FromMinutes(5)), "no answer");
        return message!;
    }
}
