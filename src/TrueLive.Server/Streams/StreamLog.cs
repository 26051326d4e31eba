using System.Net;

namespace TrueLive.Server.Streams;

/// <summary>What the log says of streams; addresses only as they may be shown.</summary>
internal sealed partial class StreamLog(ILogger logger)
{
    /// <summary>A state's name.</summary>
    public static string Word(LegState state) => state.ToString().ToLowerInvariant();

    /// <summary>A stream begins.</summary>
    public void Began(string session, StreamAddress source, IReadOnlyList<OutputSettings> outputs) =>
        LogBegan(logger, session, source.Shown, outputs.Count == 0 ? "no output" : string.Join(", ", outputs.Select(o => o.Address.Shown)));

    /// <summary>A leg is in another state.</summary>
    public void Moved(string session, string leg, LegState state, string? words)
    {
        if (state == LegState.Retrying)
            LogBroken(logger, session, leg, words ?? "");
        else
            LogMoved(logger, session, leg, Word(state));
    }

    /// <summary>Somebody may not publish.</summary>
    public void Refused(IPAddress from, int port, string why) => LogRefused(logger, from, port, why);

    /// <summary>Streams do not end, and the server stops without them.</summary>
    public void Overdue(IEnumerable<StreamLegs> streams) => LogOverdue(logger, string.Join(", ", streams.Select(l =>
        $"{l.Hosted.Session.Id} (source {Word(l.Source?.Status.State ?? LegState.Ended)}, "
            + $"outputs {string.Join(' ', l.Outputs.Select(o => Word(o.Status.State)))})")));

    [LoggerMessage(
        EventId = 2101, EventName = "stream_began", Level = LogLevel.Information,
        Message = "Session {Session} is a stream from {Source} to {Outputs}.")]
    private static partial void LogBegan(ILogger logger, string session, string source, string outputs);

    [LoggerMessage(
        EventId = 2102, EventName = "stream_moved", Level = LogLevel.Information, Message = "Session {Session}, {Leg}: {State}.")]
    private static partial void LogMoved(ILogger logger, string session, string leg, string state);

    [LoggerMessage(EventId = 2103, EventName = "stream_broken", Level = LogLevel.Warning, Message = "Session {Session}, {Leg}: {Why}")]
    private static partial void LogBroken(ILogger logger, string session, string leg, string why);

    [LoggerMessage(
        EventId = 2104, EventName = "publisher_refused", Level = LogLevel.Warning,
        Message = "A publisher at {From} was turned away on RTMP port {Port}: {Why}")]
    private static partial void LogRefused(ILogger logger, IPAddress from, int port, string why);

    [LoggerMessage(EventId = 2109, EventName = "stream_overdue", Level = LogLevel.Error,
        Message = "The server stops though the streams of these sessions have not ended in 30 s: {Streams}.")]
    private static partial void LogOverdue(ILogger logger, string streams);
}
