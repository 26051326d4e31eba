using System.Text.Json;
using TrueLive.Server.Streams;
using TrueLive.Server.Streams.Hls;

namespace TrueLive.Server.Http;

/// <summary>
/// Body of <c>POST /v1/streams</c>; null takes the server's default. <c>on_loss</c> is <c>last</c> (the last picture goes on, the source is
/// tried again) or <c>end</c>.
/// </summary>
internal sealed record CreateStreamBody(
    string? Source, IReadOnlyList<string>? Outputs, string? Model, string? Size, string? Prompt, float? Strength,
    IReadOnlyDictionary<string, JsonElement>? Values, bool? Loop, string? OnLoss, int? BitrateKbps, double? KeyframeS);

/// <summary>Body of <c>POST /v1/sessions/{id}/outputs</c>.</summary>
internal sealed record CreateOutputBody(string? Target, int? BitrateKbps, double? KeyframeS);

/// <summary>
/// Where a stream's pictures come from. The address is shown without anything that may be secret. <c>sound</c> says whether sound has come
/// over this connection, <c>overdue</c> counts pictures that
/// waited too long for the session, <c>clock_jumps</c> how often the source's clock began anew.
/// </summary>
internal sealed record SourceView(
    string Address, string Kind, string State, string? Problem, string? Size, bool Sound, long Losses, long Overdue,
    long ClockJumps)
{
    public static SourceView From(StreamRun s)
    {
        var (state, problem, losses) = s.Status;
        return new SourceView(
            s.Address.Shown, s.Address.Kind.ToString().ToLowerInvariant(), StreamLog.Word(state), problem,
            s.Size is { } size ? $"{size.Width}x{size.Height}" : null, s.HasSound, losses, s.Overdue, s.Jumps);
    }
}

/// <summary>
/// A way out of a session. <c>delay_ms</c> is how much coded picture waits for it, here and in the program that passes it on;
/// <c>dropped</c> counts pictures that it took too slowly. <c>playlist</c> and <c>low_latency_playlist</c> open HLS to whoever has them,
/// <c>file</c> names a recording.
/// </summary>
internal sealed record OutputView(
    string Id, string Target, string Kind, string State, string? Problem, int BitrateKbps, double KeyframeS, double Kbps, double? DelayMs,
    long Frames, long Bytes, long Dropped, long Losses, string? Playlist, string? LowLatencyPlaylist, string? File)
{
    public static OutputView From(StreamLegs legs, OutputRun o, Gate gate)
    {
        var (state, problem, losses) = o.Status;
        return new OutputView(
            o.Id, o.Settings.Address.Shown, o.Settings.Address.Kind.ToString().ToLowerInvariant(), StreamLog.Word(state), problem,
            o.Settings.Bitrate / 1000, o.Settings.Keyframes.TotalSeconds,
            Math.Round(o.Rate / 1000, 1), o.Delay is { } delay ? Math.Round(delay.TotalMilliseconds, 1) : null,
            o.Frames, o.Bytes, o.Dropped, losses,
            Opened(HlsOutput.Playlist), Opened(HlsOutput.LowLatency), o.File);

        string? Opened(string playlist) =>
            o.Hls is null ? null : gate.Share($"/hls/{legs.Hosted.Session.Id}/{o.Id}/{playlist}", legs.Hosted.Owner);
    }
}

/// <summary>A session with its ways in and out; <c>source</c> is missing where a client sends into it.</summary>
internal sealed record StreamView(SessionView Session, SourceView? Source, IReadOnlyList<OutputView> Outputs)
{
    public static StreamView From(StreamLegs legs, Gate gate)
    {
        // The session says why there is no picture before the source says that there is none.
        var source = legs.Source is { } run ? SourceView.From(run) : null;
        return new StreamView(SessionView.From(legs.Hosted, gate), source, [.. legs.Outputs.Select(o => OutputView.From(legs, o, gate))]);
    }
}

/// <summary>Your streams.</summary>
internal sealed record StreamListView(IReadOnlyList<StreamView> Streams);

/// <summary>The outputs of a session.</summary>
internal sealed record OutputListView(IReadOnlyList<OutputView> Outputs);
