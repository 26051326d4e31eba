using System.Net.WebSockets;
using System.Text.Encodings.Web;
using System.Text.Json;
using TrueLive.Core.Models;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Fleet;

/// <summary>Reads and writes the messages of a link. What comes from the other side is believed only within these bounds.</summary>
internal static class LinkCodec
{
    /// <summary>Longest message taken, in bytes.</summary>
    public const int Longest = 16 << 20;

    /// <summary>Sessions of one worker at most.</summary>
    public const int MaxSessions = 1024;

    /// <summary>Models of one worker at most.</summary>
    public const int MaxModels = 256;

    /// <summary>Measured sizes of one model at most.</summary>
    public const int MaxSizes = 64;

    private const int MaxValues = 256;

    // Texts of any script take no more bytes than they have: messages are read by nobody but the other side.
    private static readonly LinkJson Json =
        new(new JsonSerializerOptions(LinkJson.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private const int MaxName = 128;
    private const int MaxWords = 1000;

    /// <summary>The message; null for what is none, or holds what no honest side sends.</summary>
    public static LinkMessage? Read(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > Longest)
            return null;
        try
        {
            return JsonSerializer.Deserialize(bytes, Json.LinkMessage) is { } message && IsSound(message) ? message : null;
        }
        catch (Exception wrong) when (wrong is JsonException or NotSupportedException)
        {
            return null;
        }
    }

    public static byte[] Write(LinkMessage message) => JsonSerializer.SerializeToUtf8Bytes(message, Json.LinkMessage);

    /// <summary>The next message of a socket; null when the other side has closed it or sent what is no message.</summary>
    /// <exception cref="WebSocketException">The connection broke.</exception>
    public static async Task<LinkMessage?> ReceiveAsync(WebSocket socket, CancellationToken cancel)
    {
        var buffer = new byte[16 * 1024];
        for (var length = 0; ;)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(length), cancel).ConfigureAwait(false);
            if (part.MessageType != WebSocketMessageType.Text)
                return null;
            length += part.Count;
            if (part.EndOfMessage)
                return Read(buffer.AsSpan(0, length));
            if (length == Longest)
                return null;
            if (length == buffer.Length)
                Array.Resize(ref buffer, Math.Min(Longest, buffer.Length * 4));
        }
    }

    private static bool IsSound(LinkMessage message) => message switch
    {
        Hello hello => IsName(hello.Version) && IsName(hello.Run) && hello.Address.Length <= 256
            && hello.Certificate is null or { Length: 64 },
        Welcome welcome => IsName(welcome.Worker) && welcome.TicketKey.Length <= 64 && welcome.ReportMs is >= 50 and <= 10_000,
        WorkerReport report => IsName(report.DefaultModel) && PictureSize.TryParse(report.DefaultSize, out _)
            && report.MaxSessions is >= 0 and <= MaxSessions
            && report.KeepSeconds is >= 0 and <= 3600 && report.Models.Count <= MaxModels && report.Models.All(IsSound)
            && report.Sessions.Count <= MaxSessions && report.Sessions.All(IsSound)
            && (report.Usage is null || (report.Usage.Count <= UsageOutbox.Most && report.Usage.All(r => r is { IsSound: true }))),
        Heard heard => heard.End.Count <= MaxSessions && heard.End.All(e => e is not null && IsName(e.Session) && e.Why.Length <= MaxWords),
        Place place => IsName(place.Session) && (place.Model is null || IsName(place.Model)) && place.Size is null or { Length: <= MaxName }
            && (place.Restore is null || (IsSound(place.Restore) && place.Restore.Id == place.Session)) && place.SilentMs is >= 0 and < 1e9,
        Placed placed => placed.Status is 0 or (>= 400 and < 600) && placed.Words.Length <= MaxWords,
        _ => false,
    };

    private static bool IsSound(OfferedModel model) => model is not null && IsName(model.Id) && model.Shares.Count <= MaxSizes
        && model.Shares.All(s => s is not null && s is { Width: >= 16 and <= 4096, Height: >= 16 and <= 4096, Share: >= 0 and <= 1e6 });

    /// <summary>Whether an honest machine may have said this of a session.</summary>
    public static bool IsSound(KeptSession s) => s is not null && IsName(s.Id) && s.Token.Length <= MaxName && s.Owner.Length <= MaxName
        && IsName(s.Model)
        && PictureSize.TryParse(s.Size, out _) && s.Prompt.Length <= Prompt.MaxLength && s.Strength is >= 0 and <= 1
            && s.Values.Count <= MaxValues
        && s.Values.All(v => v.Key.Length <= MaxName && v.Value is { Length: <= ParameterValues.MaxText })
            && s.Revision is >= 0 and < long.MaxValue / 2
        && s.Epoch is >= 0 and < int.MaxValue / 2 && s.State.Length <= MaxName && s.Made >= 0 && s.JournalSeconds is >= 0 and < 1e6
        && s.TransitionMs is >= 0 and <= 10_000;

    private static bool IsName(string text) => text.Length is > 0 and <= MaxName && !text.Any(char.IsControl);
}
