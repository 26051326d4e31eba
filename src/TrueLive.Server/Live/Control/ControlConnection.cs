using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;
using TrueLive.Server.Live.Broadcast;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Live.Control;

/// <summary>
/// Serves one client's control protocol over any transport. Every message gets an answer; one that cannot be understood gets an error.
/// Messages wait in a queue of <see cref="QueueLength"/> and are handled one at a time, off the thread that received them, which serves all
/// connections.
/// </summary>
internal sealed class ControlConnection : IDisposable
{
    /// <summary>Longest message taken, in bytes.</summary>
    public const int MaxMessage = 4096;

    /// <summary>Messages that may wait; the newest is refused with an error beyond that.</summary>
    public const int QueueLength = 64;

    private readonly HostedSession _hosted;
    private readonly SessionRegistry _registry;
    private readonly Action<ReadOnlyMemory<byte>> _send;
    private readonly TimeProvider _time;
    private readonly ITimer _stats;

    // What happens while the client is greeted is told after the greeting.
    private readonly Lock _greeting = new();

    // Clients restart their command numbers with each connection; this prefix tells the commands of this connection from those of others.
    private readonly string _scope = $"{Guid.NewGuid():n} ";
    private readonly CancellationTokenSource _gone = new();
    private Task _switching = Task.CompletedTask;
    private readonly Channel<byte[]> _inbox = Channel.CreateBounded<byte[]>(new BoundedChannelOptions(QueueLength) { SingleReader = true });

    /// <summary>Greets the client with its session and begins to report.</summary>
    public ControlConnection(
        AdmittedClient admitted, SessionRegistry registry, string transport, Action<ReadOnlyMemory<byte>> send, TimeProvider time)
    {
        (_hosted, _registry, _send, _time) = (admitted.Hosted, registry, send, time);
        var hosted = admitted.Hosted;
        // The session may hold its own lock while a handler waits for this one: nothing here may wait for the session.
        lock (_greeting)
        {
            hosted.Session.Moved += OnMoved;
            hosted.Session.Applied += OnApplied;
            hosted.Session.Forgot += OnForgot;
            var now = hosted.Session.Settings;
            Send(
                new SessionMessage(
                    hosted.Session.Id, hosted.Token, now.Model.Info.Id, now.Model.Info.Version, $"{now.Width}x{now.Height}",
                    nameof(Tier.Live).ToLowerInvariant(),
                    PromptView.From(now), now.Epoch, now.Paused, transport, admitted.Number, admitted.Resumed),
                        ControlJson.Default.SessionMessage);
        }
        hosted.Input.Follow(OnInput);
        hosted.Tells(begins: true);
        _stats = time.CreateTimer(
            _ => Send(StatsMessage.From(hosted.Session.Stats) with
            {
                Journal = hosted.Observer.Recorder?.View is { Recording: true } journal ? journal : null,
                Recording = hosted.Recorded?.Invoke(),
            },
                ControlJson.Default.StatsMessage), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
        Finished = Task.Run(HandleAllAsync);
    }

    /// <summary>Completes when the last message that was taken has been answered, after <see cref="Dispose"/>.</summary>
    public Task Finished { get; }

    /// <summary>Takes one message from the client and returns at once. The bytes are copied.</summary>
    public void Receive(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length > MaxMessage)
            Error(null, $"The message is longer than {MaxMessage} bytes.");
        else if (!_inbox.Writer.TryWrite(utf8.ToArray()))
            Error(null, $"More than {QueueLength} messages wait for an answer.");
    }

    public void Dispose()
    {
        if (!_inbox.Writer.TryComplete())
            return;
        _hosted.Tells(begins: false);
        _gone.Cancel();
        _stats.Dispose();
        _hosted.Input.Changed -= OnInput;
        _hosted.Session.Moved -= OnMoved;
        _hosted.Session.Applied -= OnApplied;
        _hosted.Session.Forgot -= OnForgot;
    }

    private async Task HandleAllAsync()
    {
        await foreach (var utf8 in _inbox.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            try
            {
                var message = JsonSerializer.Deserialize(utf8, ControlJson.Default.ClientMessage) ?? new ClientMessage();
                if (message.Id?.Length > 64)
                    Error(null, "The id is longer than 64 characters.");
                else
                    Handle(message);
            }
            catch (JsonException)
            {
                Error(null, "The message is not a JSON object of the control protocol.");
            }
        }
    }

    private void Handle(ClientMessage message)
    {
        var id = message.Id ?? "";
        switch (message.Type)
        {
            case "set" when message.Values is null or { Count: 0 }:
                Error(message.Id, "A message of the type set names parameters and their values: {\"values\": {\"seed\": 7}}.");
                break;
            case "prompt" or "set":
                TimeSpan? transition = message.TransitionMs is { } ms && double.IsFinite(ms) && Math.Abs(ms) < 1e6
                    ? TimeSpan.FromMilliseconds(ms)
                    : null;
                Refuse(message.Id, _registry.Update(_hosted, _scope + id, new PromptChange(message.Text, message.Strength, transition)
                {
                    Values = ParameterJson.Texts(message.Values),
                }, now => Accept(message.Id, now)));
                break;
            case "model":
                SwitchModel(message);
                break;
            case "reset":
                Refuse(message.Id, _hosted.Session.Reset(_scope + id, now => Accept(message.Id, now)));
                break;
            case "pause" or "resume":
                var receipt = _hosted.Session.Pause(message.Type == "pause");
                Refuse(message.Id, receipt);
                if (receipt.Rejected is null)
                {
                    Accept(message.Id, receipt.Settings);
                    Send(new AppliedMessage(id, null, 0), ControlJson.Default.AppliedMessage);
                }
                break;
            case "end":
                Accept(message.Id, _hosted.Session.Settings);
                _registry.End(_hosted, EndCause.ControlClient);
                break;
            case "ping":
                Send(new PongMessage(message.Id, message.T, ProvenanceJson.Milliseconds(_time, _time.GetTimestamp())),
                    ControlJson.Default.PongMessage);
                break;
            default:
                Error(message.Id, $"The type '{message.Type}' is not one of prompt, set, model, reset, pause, resume, end, ping.");
                break;
        }
    }

    // Other messages are answered while a model is warmed up.
    private void SwitchModel(ClientMessage message)
    {
        if (!_switching.IsCompleted)
        {
            Refuse(message.Id, new CommandReceipt("Another model or size is being warmed up. Wait for its answer.",
                _hosted.Session.Settings));
            return;
        }
        _switching = SwitchAsync();

        async Task SwitchAsync()
        {
            try
            {
                Refuse(message.Id, await _registry.SwitchAsync(_hosted, _scope + (message.Id ?? ""), message.Model, message.Size,
                    _gone.Token,
                    () => Send(new WarmingMessage(message.Id, message.Model ?? _hosted.Session.Settings.Model.Info.Id, message.Size),
                        ControlJson.Default.WarmingMessage),
                    now => Accept(message.Id, now)).ConfigureAwait(false));
            }
            catch (OperationCanceledException)
            {
                // The client has left.
            }
        }
    }

    private void Refuse(string? id, CommandReceipt receipt)
    {
        if (receipt.Rejected is { } reason)
            Send(new RejectedMessage(id, reason), ControlJson.Default.RejectedMessage);
    }

    private void Accept(string? id, SessionSettings now) => Send(Accepted(id, now), ControlJson.Default.AcceptedMessage);

    internal static AcceptedMessage Accepted(string? id, SessionSettings s) =>
        new(id, PromptView.From(s), s.Epoch, s.Model.Info.Id, $"{s.Width}x{s.Height}");

    // A session that moved to another machine has ended only here: its client was told when it was detached.
    private void OnMoved(LiveSession session, SessionTransition step)
    {
        if (step is not { To: SessionState.Ended, End.Cause: EndCause.ControlMoved })
            Report(StateMessage.From(step), ControlJson.Default.StateMessage);
    }

    private void OnForgot(LiveSession session, int epoch) =>
        Report(new ForgotMessage(epoch, "The picture has another shape than before: the model's memory began anew."),
            ControlJson.Default.ForgotMessage);

    private void OnInput(string? problem) => Send(new InputMessage(problem), ControlJson.Default.InputMessage);

    private void OnApplied(LiveSession session, CommandApplied applied)
    {
        if (!applied.CommandId.StartsWith(_scope, StringComparison.Ordinal))
            return;
        var f = applied.FirstFrame;
        Report(
            new AppliedMessage(
                applied.CommandId[_scope.Length..], new FirstFrameView(f.OutputSequence, f.SourceSequence, f.MediaTime,
                    f.PromptRevision, f.Epoch),
                Math.Round(applied.Waited.TotalMilliseconds, 2)), ControlJson.Default.AppliedMessage);
    }

    private void Report<T>(T message, JsonTypeInfo<T> type)
    {
        lock (_greeting)
            Send(message, type);
    }

    private void Error(string? id, string reason) => Send(new ErrorMessage(id, reason), ControlJson.Default.ErrorMessage);

    private void Send<T>(T message, JsonTypeInfo<T> type) => _send(JsonSerializer.SerializeToUtf8Bytes(message, type));
}
