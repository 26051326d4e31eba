using System.Diagnostics;

namespace TrueLive.Server.Live.Sessions;

/// <summary>
/// Spans from the request that makes a session to its first picture, for OpenTelemetry: a few for each session, none for each frame. They
/// hold neither prompts nor tokens. Where nothing exports them, all of this does nothing.
/// </summary>
internal static class SessionTrace
{
    /// <summary>Name of the source.</summary>
    public const string SourceName = "TrueLive.Sessions";

    private const string ParentHeader = "traceparent";

    private static readonly ActivitySource Source = new(SourceName);

    // Some parts go on when the request has been answered.
    private static readonly AsyncLocal<ActivityContext> Whole = new();

    /// <summary>Begins the span of a request; it belongs to its sender's trace where the sender names one (W3C trace context).</summary>
    public static Activity? Request(HttpRequest request, string name)
    {
        if (!Source.HasListeners())
            return null;
        // The web server's own activity is not exported, and would be a parent that nobody finds.
        Activity.Current = null;
        _ = ActivityContext.TryParse(request.Headers[ParentHeader].ToString(), null, isRemote: true, out var sender);
        var span = Source.StartActivity(name, ActivityKind.Server, sender);
        Whole.Value = span?.Context ?? default;
        return span;
    }

    /// <summary>Begins a part of the request in hand, or of what came of it; null where that has no span.</summary>
    public static Activity? Part(string name) =>
        Whole.Value == default ? null : Source.StartActivity(name, ActivityKind.Internal, Whole.Value);

    /// <summary>Tells a worker which span its own ones are parts of, in place of what the client said.</summary>
    public static void Pass(HttpRequestMessage request)
    {
        request.Headers.Remove(ParentHeader);
        request.Headers.Remove("tracestate");
        request.Headers.Remove("baggage");
        if (Whole.Value is var whole && whole != default)
            request.Headers.TryAddWithoutValidation(ParentHeader, $"00-{whole.TraceId}-{whole.SpanId}-{(int)whole.TraceFlags:x2}");
    }

    /// <summary>Ends a span that failed, with the reason.</summary>
    public static void Fail(this Activity? span, string why) => span?.SetStatus(ActivityStatusCode.Error, why);
}
