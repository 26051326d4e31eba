using Microsoft.Extensions.Logging.Abstractions;
using TrueLive.Workers;

namespace TrueLive.Server.Capacity;

/// <summary>Says in the log that a worker ended. Models are loaded before there is a log; nothing is said until then.</summary>
internal sealed partial class WorkerLog
{
    private volatile ILogger _logger = NullLogger.Instance;

    /// <summary>From now on it is said there.</summary>
    public void WriteTo(ILogger logger) => _logger = logger;

    /// <summary>A worker ended and is to be started again.</summary>
    public void Ended(WorkerEnd end) => LogEnded(_logger, end.ModelId, When(end.Pause), end.Why);

    private static string When(TimeSpan? pause) => pause switch
    {
        null => "when a file in its folder is changed",
        { Ticks: 0 } => "at once",
        { } time => FormattableString.Invariant($"in {time.TotalSeconds:0} s"),
    };

    [LoggerMessage(EventId = 1009, EventName = "worker_ended", Level = LogLevel.Warning,
        Message = "The process of {Model} ended; it is started again {When}. {Why}")]
    private static partial void LogEnded(ILogger logger, string model, string when, string why);
}
