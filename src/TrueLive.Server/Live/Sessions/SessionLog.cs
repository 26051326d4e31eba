using System.Globalization;
using TrueLive.Core.Sessions;

namespace TrueLive.Server.Live.Sessions;

/// <summary>Log messages of live sessions: each transition, and a summary when a session ends.</summary>
internal static partial class SessionLog
{
    /// <summary>A session went from one state to another.</summary>
    public static void Moved(ILogger logger, string session, SessionTransition step)
    {
        if (step.End is not { } end)
            LogMoved(logger, session, step.From, step.To);
        // A client that left is not an error; a failure of the server is logged with its stack trace.
        else if (end.Cause is EndCause.ReceiveServer or EndCause.StepServer or EndCause.SendServer)
            LogFailed(logger, session, end.Words, end.Error);
        else
            LogLeft(logger, session, step.From, step.To, end.Words);
    }

    /// <summary>A session is over.</summary>
    public static void Ended(ILogger logger, HostedSession hosted, DateTimeOffset now)
    {
        var session = hosted.Session;
        var length = (now - hosted.Created).TotalSeconds;
        var words = session.Ended?.Words ?? "The server ended the session.";
        var all = session.Summary;
        if (all.Received == 0)
        {
            LogUnused(logger, session.Id, length, words);
            return;
        }
        var (model, seconds) = (session.Settings.Model.Info.Id, Math.Max(all.Seconds, 0.001));
        var drops = all.Drops.Count == 0
            ? "none"
            : string.Join(", ",
            all.Drops.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Reason.ToString().ToLowerInvariant()} {d.Frames}")));
        LogEnded(
            logger, session.Id, length, model, session.Settings.Width, session.Settings.Height, all.Received, all.Received / seconds,
            all.Made, all.Sent, all.Sent / seconds,
            all.DelayP50.TotalMilliseconds, all.DelayP99.TotalMilliseconds, drops, words);
    }

    /// <summary>Sessions do not end, and the server stops without them.</summary>
    public static void Overdue(ILogger logger, IEnumerable<HostedSession> sessions) =>
        LogOverdue(logger, string.Join(", ", sessions.Select(h => h.Session.Id)));

    [LoggerMessage(EventId = 2001, EventName = "session_moved", Level = LogLevel.Information,
        Message = "Session {Session}: {From} -> {To}.")]
    private static partial void LogMoved(ILogger logger, string session, SessionState from, SessionState to);

    [LoggerMessage(EventId = 2002, EventName = "session_left", Level = LogLevel.Information,
        Message = "Session {Session}: {From} -> {To}. {Why}")]
    private static partial void LogLeft(ILogger logger, string session, SessionState from, SessionState to, string why);

    [LoggerMessage(EventId = 2003, EventName = "session_failed", Level = LogLevel.Error, Message = "Session {Session}: {Why}")]
    private static partial void LogFailed(ILogger logger, string session, string why, Exception? error);

    [LoggerMessage(EventId = 2006, EventName = "session_ended", Level = LogLevel.Information, Message =
        "Session {Session} ended after {Seconds:0.0} s ({Model}, {Width}x{Height}): {FramesIn} frames in ({RateIn:0.0} per second), " +
            "{FramesMade} made, {FramesOut} out ({RateOut:0.0} per second); "
        + "delay p50 {DelayP50Ms:0} ms, p99 {DelayP99Ms:0} ms; dropped: {Drops}. {Why}")]
    private static partial void LogEnded(
        ILogger logger, string session, double seconds, string model, int width, int height, long framesIn, double rateIn, long framesMade,
        long framesOut, double rateOut,
        double delayP50Ms, double delayP99Ms, string drops, string why);

    [LoggerMessage(EventId = 2011, EventName = "session_overdue", Level = LogLevel.Error,
        Message = "The server stops though these sessions have not ended in 30 s: {Sessions}.")]
    private static partial void LogOverdue(ILogger logger, string sessions);

    [LoggerMessage(EventId = 2007, EventName = "session_unused", Level = LogLevel.Information,
        Message = "Session {Session} ended after {Seconds:0.0} s without a frame. {Why}")]
    private static partial void LogUnused(ILogger logger, string session, double seconds, string why);
}
