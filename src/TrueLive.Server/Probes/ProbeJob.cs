using System.Text.Json;

namespace TrueLive.Server.Probes;

/// <summary>The state of a probe run.</summary>
internal enum ProbeState : byte
{
    /// <summary>The child process is measuring.</summary>
    Running,

    /// <summary>There is a report.</summary>
    Done,

    /// <summary>There is none, and <see cref="ProbeJob.Error"/> says why.</summary>
    Failed,

    /// <summary>Stopped by a client or by the server's end.</summary>
    Cancelled,
}

/// <summary>One run of the probe: what its child process has reported so far. Thread-safe.</summary>
internal sealed class ProbeJob(
    string id, string owner, string target, string profile, string folder, DateTimeOffset created, DateTimeOffset expires)
{
    private const int MaxNotes = 40;
    private readonly Lock _gate = new();
    private readonly List<string> _notes = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ProbeView _view = new(
        id, target, profile, "running", created, expires, "connecting", null, 0, null, null, 0, null, [], null, null, null, null, null);

    public string Id => id;

    /// <summary>Whose run it is.</summary>
    public string Owner => owner;

    public string Folder => folder;

    public DateTimeOffset Expires => expires;

    public CancellationTokenSource Cancel { get; } = new();

    public ProbeState State { get; private set; }

    public string? Error { get; private set; }

    /// <summary>What clients see now, and a task that completes with the next change.</summary>
    public (ProbeView View, Task Changed) Look()
    {
        lock (_gate)
            return (_view, _changed.Task);
    }

    /// <summary>Takes one line of <c>--progress json</c>. A line that is not JSON is kept as a note.</summary>
    public void Heard(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line.Length > 4096 ? line[..4096] : line);
            var said = json.RootElement;
            switch (Text(said, "kind"))
            {
                case "progress":
                    var (seconds, total) = (Number(said, "seconds") ?? 0, Number(said, "total") ?? 0);
                    Change(v => v with
                    {
                        Phase = Text(said, "phase") ?? v.Phase,
                        Sending = Text(said, "sends"),
                        Seconds = seconds,
                        Total = total,
                        Done = total > 0 ? Math.Round(Math.Clamp(seconds / total, 0, 1), 4) : 0,
                        Received = (long?)Number(said, "received"),
                        Estimates = Text(said, "estimate") ?? v.Estimates,
                        Picture = Text(said, "picture"),
                    });
                    break;
                case "done":
                    Change(v => v with { Sentence = Text(said, "sentence"), Tier = Text(said, "tier"), Validity = Text(said, "validity") });
                    break;
                case "error":
                    Error = Text(said, "text");
                    break;
                default:
                    Note(Text(said, "text") ?? line);
                    break;
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            Note(line);
        }
    }

    /// <summary>Ends the run; later calls have no effect.</summary>
    public void End(ProbeState state, string? error = null)
    {
        lock (_gate)
        {
            if (State != ProbeState.Running)
                return;
            State = state;
            Error = state == ProbeState.Failed ? error ?? Error ?? "The probe ended without a report and said nothing." : error;
        }
        Change(v => v with
        {
            State = state.ToString().ToLowerInvariant(),
            Error = Error,
            Picture = null,
            Done = state == ProbeState.Done ? 1 : v.Done,
            ReportHtml = state == ProbeState.Done ? $"/v1/probes/{id}/report.html" : null,
            ReportJson = state == ProbeState.Done ? $"/v1/probes/{id}/report.json" : null,
        });
    }

    private void Note(string text)
    {
        lock (_gate)
        {
            if (_notes.Count < MaxNotes)
                _notes.Add(text.Length > 300 ? text[..300] : text);
        }
        Change(v => v with { Notes = [.. _notes] });
    }

    private void Change(Func<ProbeView, ProbeView> how)
    {
        TaskCompletionSource before;
        lock (_gate)
        {
            _view = how(_view);
            (before, _changed) = (_changed, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        }
        before.SetResult();
    }

    private static string? Text(JsonElement e, string name) =>
        e.ValueKind == JsonValueKind.Object && e.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    private static double? Number(JsonElement e, string name) => e.TryGetProperty(name, out var value)
        && value.ValueKind == JsonValueKind.Number && value.GetDouble() is var number && double.IsFinite(number) ? number : null;
}

/// <summary>A probe run as the API shows it; <paramref name="Done"/> is 0..1.</summary>
internal sealed record ProbeView(
    string Id, string Target, string Profile, string State, DateTimeOffset Created, DateTimeOffset Expires, string Phase, string? Sending,
    double Seconds, double? Total,
    long? Received, double Done, string? Estimates, IReadOnlyList<string> Notes, string? Sentence, string? Tier, string? Validity,
    string? Error, string? ReportHtml)
{
    public string? ReportJson { get; init; }

    /// <summary>A thumbnail of the picture that the probe is sending, as a data URI; null when the run is over.</summary>
    public string? Picture { get; init; }
}
