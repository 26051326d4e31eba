using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Telemetry;

/// <summary>
/// Writes one line per event, as text or as JSON, with the event's stable name. Warnings and errors with the same cause are written once a
/// minute, with the number of those left out. An exception's stack trace is written only if the fault may be the server's: not for a client
/// that left.
/// </summary>
internal sealed class LogLines(ServerOptions options, TimeProvider time) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "truelive";

    private const int MaxStack = 8000;

    // The message parameter that holds the cause; other parameters do not distinguish causes.
    private const string Cause = "Why";

    private readonly LogPace _pace = new(time);

    /// <inheritdoc/>
    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var values = logEntry.State as IReadOnlyList<KeyValuePair<string, object?>> ?? [];
        var left = 0L;
        if (logEntry.LogLevel >= LogLevel.Warning && !_pace.Due(CauseOf(logEntry, values), out left))
            return;
        var message = OneLine(logEntry.Formatter(logEntry.State, logEntry.Exception).Replace("(null)", "none", StringComparison.Ordinal));
        if (left > 0)
            message += string.Create(CultureInfo.InvariantCulture, $" ({left} more like this since it was last said)");
        var error = logEntry.Exception is { } thrown ? OneLine(IsClientGone(thrown) ? thrown.Message : thrown.ToString()) : null;
        var name = logEntry.EventId.Name ?? logEntry.Category[(logEntry.Category.LastIndexOf('.') + 1)..];
        if (options.LogFormat == "json")
            textWriter.WriteLine(Json(logEntry.LogLevel, name, logEntry.EventId.Id, logEntry.Category, message, values, error));
        else
            textWriter.WriteLine(
                $"{time.GetLocalNow().ToString("HH:mm:ss", CultureInfo.InvariantCulture)} {Word(logEntry.LogLevel)} {name}: {message}{(error is null ? "" : " " + error)}");
    }

    private static string CauseOf<TState>(in LogEntry<TState> entry, IReadOnlyList<KeyValuePair<string, object?>> values) =>
        $"{entry.Category} {entry.EventId.Id} " + (entry.Exception is { } error ? $"{error.GetType().Name} {error.Message}"
            : (values.FirstOrDefault(v => v.Key == Cause).Value
                ?? values.LastOrDefault(v => v.Key == "{OriginalFormat}").Value)?.ToString());

    private static bool IsClientGone(Exception error) =>
        error is OperationCanceledException or ConnectionResetException or ConnectionAbortedException or BadHttpRequestException;

    // Messages contain names from clients and files, which must not be able to forge a log line.
    private static string OneLine(string text)
    {
        var line = string.Create(Math.Min(text.Length, MaxStack), text, static (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
                to[i] = char.IsControl(from[i]) ? ' ' : from[i];
        });
        return string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries));
    }

    private string Json(LogLevel level, string name, int id, string category, string message,
        IReadOnlyList<KeyValuePair<string, object?>> values, string? error)
    {
        var buffer = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteString("time", time.GetUtcNow());
            json.WriteString("level", Word(level));
            json.WriteString("event", name);
            json.WriteNumber("id", id);
            json.WriteString("category", category);
            json.WriteString("message", message);
            json.WriteStartObject("fields");
            foreach (var (key, value) in values.DistinctBy(v => v.Key).Where(v => v.Key != "{OriginalFormat}"))
            {
                json.WritePropertyName(JsonNamingPolicy.SnakeCaseLower.ConvertName(key));
                switch (value)
                {
                    case null:
                        json.WriteNullValue();
                        break;
                    case int or long:
                        json.WriteNumberValue(Convert.ToInt64(value, CultureInfo.InvariantCulture));
                        break;
                    case double number when double.IsFinite(number):
                        json.WriteNumberValue(number);
                        break;
                    default:
                        json.WriteStringValue(OneLine(Convert.ToString(value, CultureInfo.InvariantCulture) ?? ""));
                        break;
                }
            }
            json.WriteEndObject();
            if (error is not null)
                json.WriteString("error", error);
            json.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static string Word(LogLevel level) => level switch
    {
        LogLevel.Information => "info",
        LogLevel.Warning => "warning",
        LogLevel.Error => "error",
        LogLevel.Critical => "critical",
        _ => "debug",
    };
}
