using System.Diagnostics.Metrics;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Live.Transports;

/// <summary>Makes the decoders of live input, in this process or in processes of their own, and counts those that ended.</summary>
internal sealed partial class LiveDecoders : IDisposable
{
    private readonly Meter _meter = new(SessionMetrics.MeterName);
    private readonly Counter<long> _ended;
    private readonly ServerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public LiveDecoders(ServerOptions options, TimeProvider time, ILogger<LiveDecoders> logger)
    {
        (_options, _time, _logger) = (options, time, logger);
        _ended = _meter.CreateCounter<long>("truelive.decoders.ended", "{process}",
            "Decode processes that ended while their connection went on, and were started anew (isolate_decoders).");
    }

    /// <summary>Whether decoders run in processes of their own.</summary>
    public bool AreIsolated => _options.IsolateDecoders;

    /// <summary>A decoder for one connection of H.264 or VP8.</summary>
    public ILiveDecoder ForVideo(string session) => AreIsolated ? Isolated(session) : new VideoDecoder();

    /// <summary>A decoder for one connection of JPEG pictures; null where the caller decodes them itself.</summary>
    public ILiveDecoder? ForPictures(string session) => AreIsolated ? Isolated(session) : null;

    /// <summary>A decoder for one picture that is no session's; null where the caller decodes it itself.</summary>
    public ILiveDecoder? ForPicture(string use) =>
        AreIsolated ? new IsolatedDecoder(_time, end => LogOneEnded(_logger, use, Reason(end))) : null;

    /// <summary>Says at the start of the server what is missing.</summary>
    public void Tell()
    {
        if (AreIsolated && !IsolatedDecoder.IsSandboxed)
            LogUnconfined(_logger);
    }

    public void Dispose() => _meter.Dispose();

    private IsolatedDecoder Isolated(string session) => new(_time, end =>
    {
        if (end.Pause == TimeSpan.Zero)
            return;
        _ended.Add(1);
        LogEnded(_logger, session, end.Pause.TotalSeconds, Reason(end));
    });

    private static string Reason(DecoderEnd end) =>
        end.Words.Length == 0 ? end.Why : $"{end.Why} Its last words:\n{end.Words}";

    [LoggerMessage(EventId = 2010, EventName = "picture_decoder_ended", Level = LogLevel.Warning,
        Message = "The process that decodes the picture of {Use} ended. {Why}")]
    private static partial void LogOneEnded(ILogger logger, string use, string why);

    [LoggerMessage(EventId = 2009, EventName = "decoder_ended", Level = LogLevel.Warning,
        Message = "Session {Session}: the process that decodes its input ended; it is started anew in {Pause} s. {Why}")]
    private static partial void LogEnded(ILogger logger, string session, double pause, string why);

    [LoggerMessage(EventId = 1010, EventName = "decoders_unconfined", Level = LogLevel.Warning,
        Message = "Live input is decoded in processes of their own (isolate_decoders), which nothing shuts in here: a crash is one " +
        "session's, but whoever takes over a decoder can do what this user can. Install bubblewrap (apt-get install bubblewrap) and let " +
        "this user make user namespaces.")]
    private static partial void LogUnconfined(ILogger logger);
}
