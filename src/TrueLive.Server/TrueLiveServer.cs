using System.Net;
using System.Net.Security;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.FileProviders;
using Microsoft.Extensions.Logging.Console;
using OpenTelemetry.Metrics;
using Scalar.AspNetCore;
using TrueLive.Core.Sessions;
using TrueLive.Media.Codecs;
using TrueLive.Media.Files;
using TrueLive.Media.Isolated;
using TrueLive.Media.Native;
using TrueLive.Server.Access;
using TrueLive.Server.Capacity;
using TrueLive.Server.Clips;
using TrueLive.Server.Configuration;
using TrueLive.Server.Fleet;
using TrueLive.Server.Http;
using TrueLive.Server.Interactive;
using TrueLive.Server.Journals;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Pictures;
using TrueLive.Server.Previews;
using TrueLive.Server.Probes;
using TrueLive.Server.Recordings;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams;
using TrueLive.Server.Telemetry;
using TrueLive.Server.Tls;
using TrueLive.Server.Usage;

namespace TrueLive.Server;

/// <summary>Puts the server together. The only place that knows all the parts.</summary>
public static partial class TrueLiveServer
{
    /// <summary>A server that is ready to run.</summary>
    /// <param name="options">Checked settings.</param>
    /// <param name="models">Models to offer; null loads what the settings name. The server disposes them.</param>
    /// <param name="time">Clock of everything; null takes the system's.</param>
    /// <exception cref="ConfigurationException">A setting cannot be met on this machine, or a codec library is missing.</exception>
    public static WebApplication Build(ServerOptions options, ModelStore? models = null, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        RequireCodecs(NativeLibraries.Missing());
        if (options.IsolateDecoders && IsolatedDecoder.WhyNot() is { } why)
            throw new ConfigurationException([$"isolate_decoders: {why}"]);
        models ??= ModelStore.Load(options, time, Console.Error);
        var builder = MakeDoor(options, time);
        AddParts(builder.Services, options, models, new WebRtcPort(options, time), time);
        if (options.Join.Length > 0)
            builder.Services.AddSingleton<FleetTickets>().AddSingleton<WorkerReports>().AddSingleton<UsageOutbox>()
                .AddSingleton<WorkerAddress>().AddHostedService<FleetLink>();
        var app = builder.Build();
        models.Workers.WriteTo(app.Services.GetRequiredService<ILogger<ModelStore>>());
        Map(app);
        return app;
    }

    /// <summary>
    /// What every process with a door to the network has: who may come in, over what, with what limits, and how it is told.
    /// </summary>
    internal static WebApplicationBuilder MakeDoor(ServerOptions options, TimeProvider time)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.SetMinimumLevel(Enum.Parse<LogLevel>(options.LogLevel, ignoreCase: true)).AddFilter("Microsoft", LogLevel.Warning);
        builder.Logging.ClearProviders().AddConsole(console => console.FormatterName = LogLines.FormatterName)
            .AddConsoleFormatter<LogLines, ConsoleFormatterOptions>();
        var limit = new ConnectionLimit([.. options.Proxies.Select(IPAddress.Parse)]);
        builder.Services.AddSingleton(limit).AddSingleton<LimitMetrics>();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 256 * 1024;
            kestrel.Limits.MaxConcurrentConnections = Math.Min(OpenFiles.ForClients, ConnectionLimit.All);
            kestrel.Limits.MaxConcurrentUpgradedConnections = kestrel.Limits.MaxConcurrentConnections / 2;
            var address = options.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(options.Host);
            kestrel.Listen(address, options.Port, listen =>
            {
                listen.Use(next => connection => limit.ServeAsync(connection, next));
                Secure(listen, options, time);
            });
        });
        AddDoor(builder.Services, options, time);
        return builder;
    }

    /// <summary>Refuses to start without a codec: the first client would be the one to find out.</summary>
    internal static void RequireCodecs(IReadOnlyList<string> missing)
    {
        if (missing.Count > 0)
            throw new ConfigurationException(missing);
    }

    private static void AddParts(IServiceCollection services, ServerOptions options, ModelStore models, WebRtcPort port, TimeProvider time)
    {
        services.AddSingleton(_ => models).AddSingleton(_ => port);
        services.AddSingleton(new Admission(Environment.ProcessorCount, options.TargetRate, options.MaxSessions)
        {
            RoomOn = models.RoomOn,
        });
        services.AddSingleton(_ => new WorkPlaces(Environment.ProcessorCount)).AddSingleton<LargePictures>().AddSingleton<LiveDecoders>();
        services.AddSingleton<PictureStore>();
        services.AddSingleton(p => new SessionRegistry(models, p.GetRequiredService<Admission>(), options, time,
            p.GetRequiredService<ILogger<SessionRegistry>>())
        {
            Pictures = p.GetRequiredService<PictureStore>().Named,
            Places =
            {
                // Where the operator sets a number, nothing else counts.
                Measured = options.MaxSessions > 0 ? (_, _, _, _) => Task.CompletedTask
                    : p.GetRequiredService<CapacityMeasurement>().KnowAsync,
                Quota = p.GetRequiredService<Quotas>().Refuse,
            },
        });
        services.AddSingleton<IUsageStore, UsageFolder>();
        // The meter stops first, and what it has counted is then written.
        services.AddHostedService(p => p.GetRequiredService<UsageKeeper>()).AddSingleton<UsageMeter>()
            .AddHostedService(p => p.GetRequiredService<UsageMeter>());
        services.AddSingleton<ServerMetrics>().AddSingleton<UsageMetrics>().AddSingleton<ServerHealth>();
        services.AddSingleton<LookSheet>().AddSingleton<ProbeRuns>();
        services.AddSingleton<StreamAccess>().AddSingleton<StreamRegistry>().AddSingleton<StreamMetrics>();
        services.AddSingleton<RecordingStore>().AddSingleton<SessionRecordings>()
            .AddHostedService(p => p.GetRequiredService<SessionRecordings>());
        services.AddSingleton<ClipQueueHost>().AddSingleton<ClipUploads>().AddSingleton<UploadPreview>().AddSingleton<JournalStore>();
        services.AddSingleton<ClipSources>().AddSingleton<ClipOrders>().AddSingleton<ClipViews>().AddSingleton<LivePrecedence>();
        services.AddSingleton<InteractiveLoading>().AddSingleton<InteractiveRegistry>().AddSingleton<InteractiveCommands>();
        services.AddSingleton<ClipWorker>().AddHostedService(p => p.GetRequiredService<ClipWorker>());
        services.AddSingleton<ClipWebhooks>().AddHostedService(p => p.GetRequiredService<ClipWebhooks>());
        services.AddHostedService<AnnouncedAddresses>();
        services.AddSingleton(p => new CapacityMeasurement(models, p.GetRequiredService<Admission>(), options, time,
            p.GetRequiredService<ILogger<CapacityMeasurement>>())
        {
            Before = cancel => port.WarmUpAsync(time, cancel),
            Live = () => p.GetRequiredService<SessionRegistry>().Spent,
            Busy = () =>
                p.GetRequiredService<SessionRegistry>().Count + p.GetRequiredService<InteractiveRegistry>().Count
                + p.GetRequiredService<ClipWorker>().Running > 0,
        }).AddHostedService(p => p.GetRequiredService<CapacityMeasurement>());
        services.AddOpenApi("v1");
        services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(ServerMetrics.Meters).AddPrometheusExporter());
        TraceExport.Add(services, options.Join.Length > 0 ? "truelive-worker" : "truelive");
    }

    private static void AddDoor(IServiceCollection services, ServerOptions options, TimeProvider time)
    {
        services.AddSingleton(options).AddSingleton(time).AddSingleton(new PictureBudget(Environment.ProcessorCount, time));
        services.AddSingleton<ApiKeyRing>().AddSingleton<FailedKeys>().AddSingleton<AuditLog>();
        services.AddSingleton<ClipFolders>().AddSingleton<SignedLinks>().AddSingleton<Gate>();
        services.AddSingleton<UsageLedger>().AddSingleton<UsageKeeper>().AddSingleton<Quotas>()
            .AddHostedService(p => p.GetRequiredService<Quotas>());
        services.ConfigureHttpJsonOptions(json =>
        {
            json.SerializerOptions.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            json.SerializerOptions.PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower;
            json.SerializerOptions.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull;
        });
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.AddProblemDetails();
        // The page's own files only: nothing that holds a secret is compressed.
        services.AddResponseCompression(compress => (compress.EnableForHttps, compress.MimeTypes) = (true,
            ["text/html", "text/css", "text/javascript"]));
        services.Configure<ForwardedHeadersOptions>(forwarded =>
        {
            forwarded.ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto
                | ForwardedHeaders.XForwardedHost;
            forwarded.KnownIPNetworks.Clear();
            forwarded.KnownProxies.Clear();
            foreach (var proxy in options.Proxies)
                forwarded.KnownProxies.Add(IPAddress.Parse(proxy));
        });
        services.AddCors(cors => cors.AddDefaultPolicy(policy =>
            (options.Origins.Length > 0 ? policy.WithOrigins([.. options.Origins.Select(o => o.TrimEnd('/'))]) : policy.AllowAnyOrigin())
            .AllowAnyHeader().WithMethods("GET", "POST", "PATCH", "DELETE")
            .WithExposedHeaders("Location", "Link", "ETag", "Retry-After", WhipEndpoints.TokenHeader,
                WhipEndpoints.ConnectionHeader, LineTickets.Header)));
    }

    private static void Map(WebApplication app)
    {
        var options = app.Services.GetRequiredService<ServerOptions>();
        var registry = app.Services.GetRequiredService<SessionRegistry>();
        app.Services.GetRequiredService<ServerMetrics>();
        app.Services.GetRequiredService<UsageMetrics>();
        var quotas = app.Services.GetRequiredService<Quotas>();
        quotas.Running = () => registry.Hosted.Select(h => h.Owner);
        quotas.UsedUp = (owner, words) =>
        {
            foreach (var hosted in registry.Hosted.Where(h => h.Owner == owner))
                registry.End(hosted, EndCause.ControlServer, words);
            return Task.CompletedTask;
        };
        app.Services.GetRequiredService<StreamMetrics>();
        app.Services.GetRequiredService<WebRtcPort>();
        app.Lifetime.ApplicationStopping.Register(() => _ = registry.DrainAsync());
        if (options.Clips && !FfmpegChild.IsSandboxed)
            LogNotShutIn(app.Services.GetRequiredService<ILogger<ServerOptions>>());
        app.Services.GetRequiredService<LiveDecoders>().Tell();
        UseDoor(app);
        InfoEndpoints.Map(app);
        SessionEndpoints.Map(app);
        if (options.Join.Length > 0)
            MoveEndpoints.Map(app);
        StreamEndpoints.Map(app);
        ClipEndpoints.Map(app);
        InteractiveEndpoints.Map(app);
        JournalEndpoints.Map(app);
        RecordingEndpoints.Map(app);
        LiveSocketEndpoint.Map(app);
        LookEndpoints.Map(app);
        ModelEndpoints.Map(app);
        PictureEndpoints.Map(app);
        ProbeEndpoints.Map(app);
        WhipEndpoints.Map(app);
        UsageEndpoints.Map(app);
        app.MapOpenApi("/openapi/{documentName}.json");
        app.MapScalarApiReference("/docs", docs => docs.WithOpenApiRoutePattern("/openapi/v1.json"));
        app.MapPrometheusScrapingEndpoint("/metrics");
    }

    /// <summary>The way of a request through what <see cref="MakeDoor"/> made, and the page.</summary>
    internal static void UseDoor(WebApplication app)
    {
        var options = app.Services.GetRequiredService<ServerOptions>();
        if (options.Proxies.Length > 0)
            app.UseForwardedHeaders();
        if (options.PathPrefix.Length > 0)
            UsePrefix(app, options.PathPrefix);
        var limits = app.Services.GetRequiredService<LimitMetrics>();
        app.Use((http, next) =>
        {
            http.Response.OnCompleted(() =>
            {
                limits.Answered(http.Response.StatusCode);
                return Task.CompletedTask;
            });
            return next(http);
        });
        app.UseExceptionHandler(errors => errors.Run(http => Problems.Of(500, "The server failed; see the server log.")
            .ExecuteAsync(http)));
        app.UseStatusCodePages();
        app.Use(AddHeaders);
        app.Use((http, next) =>
        {
            WhipEndpoints.TellOptions(http);
            return next(http);
        });
        // Other pages may use a server that asks for keys, or those that the operator named; without either the gate lets only its own
        // pages in.
        if (options.Origins.Length > 0 || app.Services.GetRequiredService<ApiKeyRing>().Required)
            app.UseCors();
        app.UseWebSockets(new WebSocketOptions
        {
            KeepAliveInterval = TimeSpan.FromSeconds(5),
            KeepAliveTimeout = TimeSpan.FromSeconds(15),
        });
        var gate = app.Services.GetRequiredService<Gate>();
        var audit = app.Services.GetRequiredService<AuditLog>();
        app.Use(async (http, next) =>
        {
            audit.Watch(http, gate.NameOf);
            if (gate.Refuse(http.Request) is not { } refused)
            {
                try
                {
                    await next(http).ConfigureAwait(false);
                }
                catch (Microsoft.AspNetCore.Http.BadHttpRequestException bad)
                {
                    await Problems.Of(bad.StatusCode, bad.Message).ExecuteAsync(http).ConfigureAwait(false);
                }
                catch (Exception error) when (!http.Response.HasStarted && Shortage.Of(error) is { } lacking)
                {
                    await Problems.From(http, lacking).ExecuteAsync(http).ConfigureAwait(false);
                }
                return;
            }
            // A preflight request carries no key; it is answered here and never passes the gate.
            if (refused.Status == StatusCodes.Status401Unauthorized && HttpMethods.IsOptions(http.Request.Method))
            {
                http.Response.StatusCode = StatusCodes.Status204NoContent;
                return;
            }
            if (refused.Status == StatusCodes.Status401Unauthorized)
                http.Response.Headers.WWWAuthenticate = "Bearer";
            await Problems.Of(refused.Status, refused.Words).ExecuteAsync(http).ConfigureAwait(false);
        });
        var pages = new PhysicalFileProvider(Path.Combine(AppContext.BaseDirectory, "wwwroot"));
        app.UseResponseCompression();
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = pages });
        app.UseStaticFiles(new StaticFileOptions { FileProvider = pages, OnPrepareResponse = PageHeaders });
    }

    // A proxy may strip the prefix or leave it. Addresses in answers have it, those in the header Location as well.
    private static void UsePrefix(WebApplication app, string prefix)
    {
        app.UsePathBase(prefix);
        app.UseRouting();
        app.Use((http, next) =>
        {
            http.Response.OnStarting(() =>
            {
                if ((string?)http.Response.Headers.Location is ['/', ..] path && !path.StartsWith(prefix + "/", StringComparison.Ordinal))
                    http.Response.Headers.Location = prefix + path;
                return Task.CompletedTask;
            });
            return next(http);
        });
    }

    // The page may run its own scripts and call its own server, and no other page may frame it. Reports are shown in a frame of it and
    // inherit these rules; their styles are inline.
    internal static void PageHeaders(StaticFileResponseContext file)
    {
        var headers = file.Context.Response.Headers;
        headers.CacheControl = "no-cache";
        headers.ContentSecurityPolicy =
            "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' " +
                "blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
    }

    // For every answer: no content sniffing, no address with a token in Referer, and a browser that came
    // over TLS stays on it. The only page that is not a file of ours is the API reference, whose scripts are inline.
    private static Task AddHeaders(HttpContext http, RequestDelegate next)
    {
        var headers = http.Response.Headers;
        headers.XContentTypeOptions = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        if (http.Request.IsHttps)
            headers.StrictTransportSecurity = "max-age=31536000";
        if (http.Request.Path.StartsWithSegments("/docs"))
        {
            headers.ContentSecurityPolicy =
                "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src " +
                    "'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
        }
        return next(http);
    }

    private static void Secure(ListenOptions listen, ServerOptions options, TimeProvider time)
    {
        if (options.TlsCertificate is { } chain)
        {
            var certificate = new TlsCertificate(chain, options.TlsKey!, time);
            var logger = listen.ApplicationServices.GetRequiredService<ILogger<TlsCertificate>>();
            listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
                {
                    ServerCertificateContext = certificate.Current(logger),
                    ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
                }),
            });
        }
        else if (options.TlsSelfMade)
        {
            listen.UseHttps(SelfMadeCertificate.LoadOrMake(options.DataPath, options.Host, time));
        }
    }

    [LoggerMessage(EventId = 1005, EventName = "sandbox_missing", Level = LogLevel.Warning,
        Message = "ffmpeg, which opens the files that clients send, runs without a sandbox here. Install bubblewrap (apt-get install " +
        "bubblewrap) and let this user make user namespaces.")]
    private static partial void LogNotShutIn(ILogger logger);
}
