using System.Text.Json;
using System.Text.Json.Serialization;
using System.Threading.Channels;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Telemetry;

/// <summary>One line of the audit log. The path is without its query, which may contain a token or a prompt.</summary>
internal sealed record AuditEntry(DateTimeOffset Time, string Key, string? From, string Method, string Path, int Status);

/// <summary>
/// Writes <c>audit.log</c> in the data folder: one JSON line for each request that created, changed, fetched or deleted users' data, and
/// for each that was refused, with the name of the key and never the key. Written only on a server with keys. Requests do not wait for the
/// disk: entries that do not fit into the queue or onto the disk are dropped and counted.
/// </summary>
internal sealed partial class AuditLog : IAsyncDisposable
{
    /// <summary>Files kept, including the current one.</summary>
    public const int Files = 5;

    private const int MaxWaiting = 4096;
    private const int MaxPath = 200;

    private readonly Channel<AuditEntry> _entries = Channel.CreateBounded<AuditEntry>(new BoundedChannelOptions(MaxWaiting)
    { SingleReader = true });
    private readonly string _path;
    private readonly long _most;
    private readonly ApiKeyRing _ring;
    private readonly TimeProvider _time;
    private readonly ILogger<AuditLog> _logger;
    private readonly Task _writing;
    private long _lost;

    public AuditLog(ServerOptions options, ApiKeyRing ring, TimeProvider time, ILogger<AuditLog> logger)
    {
        (_path, _most, _ring, _time, _logger) = (Path.Combine(options.DataPath, "audit.log"), (long)options.AuditMb << 20, ring,
            time, logger);
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Entries dropped because the queue was full or the disk could not be written to.</summary>
    public long Lost => Interlocked.Read(ref _lost);

    /// <summary>Logs a request once its response begins; a WebSocket is logged when it opens, not when it ends.</summary>
    /// <param name="http">The request.</param>
    /// <param name="nameOf">Gives the name of the key that a request carries.</param>
    public void Watch(HttpContext http, Func<HttpRequest, string> nameOf)
    {
        if (_most > 0 && _ring.Required)
            http.Response.OnStarting(() => Note(http, nameOf));
    }

    public async ValueTask DisposeAsync()
    {
        _entries.Writer.TryComplete();
        await _writing.ConfigureAwait(false);
    }

    private Task Note(HttpContext http, Func<HttpRequest, string> nameOf)
    {
        var (request, status) = (http.Request, http.Response.StatusCode);
        var path = request.Path.Value ?? "";
        if (!Matters(request, path, status))
            return Task.CompletedTask;
        var entry = new AuditEntry(
            _time.GetUtcNow(), nameOf(request), http.Connection.RemoteIpAddress?.ToString(), request.Method,
            path.Length > MaxPath ? path[..MaxPath] : path, status);
        if (!_entries.Writer.TryWrite(entry))
            Interlocked.Increment(ref _lost);
        return Task.CompletedTask;
    }

    // Reads are logged only where they may show people: results, sources, journals, recordings, and live pictures over a WebSocket.
    private static bool Matters(HttpRequest request, string path, int status)
    {
        if (status is StatusCodes.Status401Unauthorized or StatusCodes.Status403Forbidden or StatusCodes.Status421MisdirectedRequest
            or StatusCodes.Status429TooManyRequests)
            return true;
        if (!(request.Path.StartsWithSegments("/v1") || request.Path.StartsWithSegments("/whip")
            || request.Path.StartsWithSegments("/whep")) || HttpMethods.IsOptions(request.Method))
            return false;
        return !HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)
            || status == StatusCodes.Status101SwitchingProtocols
            || request.Path.StartsWithSegments("/v1/journals") || path.EndsWith("/result", StringComparison.Ordinal)
            || request.Path.StartsWithSegments("/v1/recordings") && path.TrimEnd('/').EndsWith(".mp4", StringComparison.Ordinal)
            || path.EndsWith("/source", StringComparison.Ordinal);
    }

    private async Task WriteAsync()
    {
        while (await _entries.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            var lines = new MemoryStream();
            var count = 0;
            while (count < MaxWaiting && _entries.Reader.TryRead(out var entry))
            {
                JsonSerializer.Serialize(lines, entry, AuditJson.Default.AuditEntry);
                lines.WriteByte((byte)'\n');
                count++;
            }
            try
            {
                Append(lines);
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                Interlocked.Add(ref _lost, count);
                LogLost(count, error.Message);
            }
        }
    }

    private void Append(MemoryStream lines)
    {
        PrivateFiles.MakeFolder(Path.GetDirectoryName(_path)!);
        if (File.Exists(_path) && new FileInfo(_path).Length + lines.Length > _most)
        {
            for (var i = Files - 1; i > 0; i--)
            {
                var older = i == 1 ? _path : $"{_path}.{i - 1}";
                if (File.Exists(older))
                    File.Move(older, $"{_path}.{i}", overwrite: true);
            }
        }
        using var file = new FileStream(_path, new FileStreamOptions
        {
            Mode = FileMode.Append,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        lines.WriteTo(file);
    }

    [LoggerMessage(EventId = 5002, EventName = "audit_lost", Level = LogLevel.Error,
        Message = "{Count} entries of the audit log are lost: {Why}")]
    private partial void LogLost(int count, string why);
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(AuditEntry))]
internal sealed partial class AuditJson : JsonSerializerContext;
