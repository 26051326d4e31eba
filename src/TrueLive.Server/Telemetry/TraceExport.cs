using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Telemetry;

/// <summary>Export of spans by OTLP, as the standard variables of OpenTelemetry set it.</summary>
internal static class TraceExport
{
    /// <summary>Exports spans where an endpoint is set in the environment; else nothing is made and nothing sent.</summary>
    /// <param name="services">Parts of the server.</param>
    /// <param name="role">What this process is, where <c>OTEL_SERVICE_NAME</c> does not say.</param>
    public static void Add(IServiceCollection services, string role)
    {
        if (!IsSet("OTEL_EXPORTER_OTLP_ENDPOINT") && !IsSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
            return;
        services.AddOpenTelemetry().WithTracing(traces =>
        {
            if (!IsSet("OTEL_SERVICE_NAME") && Environment.GetEnvironmentVariable("OTEL_RESOURCE_ATTRIBUTES")?.Contains("service.name=",
                StringComparison.Ordinal) != true)
                traces.ConfigureResource(resource => resource.AddService(role));
            traces.AddSource(SessionTrace.SourceName).AddOtlpExporter();
        });
    }

    private static bool IsSet(string name) => Environment.GetEnvironmentVariable(name) is { Length: > 0 };
}
