using System.Buffers.Binary;

namespace TrueLive.Server.Streams.Rtmp;

/// <summary>
/// An encoder that publishes to us: first what it asks for, then, once it is accepted, its sound and pictures. Nothing of these is taken
/// before that. Not thread-safe.
/// </summary>
internal sealed class RtmpPublisher(RtmpConnection connection) : IAsyncDisposable
{
    // Encoders send six to ten before they publish.
    private const int MostMessages = 64;

    private const string Status = "status";
    private const string Failed = "error";

    private readonly FlvWriter _flv = new();
    private string? _application;
    private string _key = "";
    private uint _stream;
    private bool _started;
    private Action? _left;

    /// <summary>Called once when it is disposed of.</summary>
    public Action? Left
    {
        set => _left = value;
    }

    /// <summary>How often its clock jumped.</summary>
    public long Jumps => _flv.Jumps;

    /// <summary>Says hello and answers until it wants to publish; returns the application and the stream key that it names.</summary>
    /// <exception cref="RtmpException">It does anything else.</exception>
    public async Task<(string Application, string Key)> AskAsync(CancellationToken cancel)
    {
        await connection.GreetAsync(cancel).ConfigureAwait(false);
        for (var count = 0; count < MostMessages; count++)
        {
            var message = await connection.NextAsync(cancel).ConfigureAwait(false);
            if (Command(message) is not [string name, double number, ..] command)
                continue;
            switch (name)
            {
                case "connect":
                    var asked = command.ElementAtOrDefault(2) as Dictionary<string, object?>;
                    _application = Plain(asked?.GetValueOrDefault("app") as string);
                    await connection.AgreeAsync(cancel).ConfigureAwait(false);
                    await connection.CommandAsync(0, cancel, "_result", number, Server(),
                        Says(Status, "NetConnection.Connect.Success", "Connected.")).ConfigureAwait(false);
                    break;
                case "releaseStream" or "FCPublish":
                    await connection.CommandAsync(0, cancel, "_result", number, null, null).ConfigureAwait(false);
                    break;
                case "createStream":
                    await connection.CommandAsync(0, cancel, "_result", number, null, 1d).ConfigureAwait(false);
                    break;
                case "publish":
                    (_stream, _key) = (message.Stream, Plain(command.ElementAtOrDefault(3) as string));
                    return (_application ?? throw new RtmpException("It publishes before it connects."), _key);
                case "play":
                    _stream = message.Stream;
                    await RefuseAsync("NetStream.Play.StreamNotFound", "Nothing is played here.", cancel).ConfigureAwait(false);
                    throw new RtmpException("It wants to play; this port is for publishers.");
            }
        }
        throw new RtmpException("It never published.");
    }

    /// <summary>Tells it that it cannot publish.</summary>
    public Task RefuseAsync(string code, string words, CancellationToken cancel) =>
        connection.CommandAsync(_stream, cancel, "onStatus", 0d, null, Says(Failed, code, words));

    /// <summary>Accepts it and copies what it sends as FLV until it ends; may be called again with another stream.</summary>
    /// <exception cref="RtmpException">Why it ended.</exception>
    public async Task FeedAsync(Stream to, CancellationToken cancel)
    {
        connection.TakePictures();
        if (!_started)
            await StartAsync(cancel).ConfigureAwait(false);
        await to.WriteAsync(_flv.Begin(), cancel).ConfigureAwait(false);
        while (true)
        {
            var message = await connection.NextAsync(cancel).ConfigureAwait(false);
            if (message.Type is RtmpType.Audio or RtmpType.Video)
                await PassAsync(message.Type, message.Time, message.Body, to, cancel).ConfigureAwait(false);
            else if (message.Type == RtmpType.Aggregate)
                await PassAllAsync(message, to, cancel).ConfigureAwait(false);
            else if (Command(message) is [string name, ..] command)
                await HearAsync(name, command, cancel).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await connection.DisposeAsync().ConfigureAwait(false);
        Interlocked.Exchange(ref _left, null)?.Invoke();
    }

    private async Task StartAsync(CancellationToken cancel)
    {
        byte[] begins = new byte[6];
        BinaryPrimitives.WriteUInt32BigEndian(begins.AsSpan(2), _stream);
        await connection.SendAsync(RtmpType.UserControl, 0, begins, cancel).ConfigureAwait(false);
        await connection.CommandAsync(_stream, cancel, "onStatus", 0d, null,
            Says(Status, "NetStream.Publish.Start", "Publishing.")).ConfigureAwait(false);
        _started = true;
    }

    private async Task HearAsync(string name, List<object?> command, CancellationToken cancel)
    {
        switch (name)
        {
            case "publish" when Plain(command.ElementAtOrDefault(3) as string) == _key:
                await StartAsync(cancel).ConfigureAwait(false);
                break;
            case "publish":
                await RefuseAsync("NetStream.Publish.BadName", "This connection publishes already.", cancel).ConfigureAwait(false);
                throw new RtmpException("The publisher began another stream on its connection.");
            case "FCUnpublish" or "closeStream" or "deleteStream":
                throw new RtmpException("The publisher has ended its stream.");
        }
    }

    private async ValueTask PassAsync(RtmpType type, uint time, ReadOnlyMemory<byte> body, Stream to, CancellationToken cancel)
    {
        ReadOnlyMemory<byte> tag;
        try
        {
            tag = _flv.Take(type, time, body.Span);
        }
        catch (RtmpException refused)
        {
            await RefuseAsync("NetStream.Publish.Rejected", refused.Message, cancel).ConfigureAwait(false);
            throw;
        }
        if (!tag.IsEmpty)
            await to.WriteAsync(tag, cancel).ConfigureAwait(false);
    }

    // Its parts have the form of FLV tags, with times of which only the distances count.
    private async ValueTask PassAllAsync(RtmpMessage message, Stream to, CancellationToken cancel)
    {
        const int Head = 11;
        const int Tail = 4;
        uint? first = null;
        for (var rest = message.Body; rest.Length >= Head;)
        {
            var (type, length, time) = PartHead(rest.Span);
            first ??= time;
            if (rest.Length < Head + length)
                throw new RtmpException("A part of an aggregate is longer than the whole.");
            if (type is RtmpType.Audio or RtmpType.Video)
                await PassAsync(type, message.Time + time - first.Value, rest.Slice(Head, length), to, cancel).ConfigureAwait(false);
            rest = rest[Math.Min(Head + length + Tail, rest.Length)..];
        }
    }

    private static (RtmpType Type, int Length, uint Time) PartHead(ReadOnlySpan<byte> head) => ((RtmpType)head[0],
        (head[1] << 16) | (head[2] << 8) | head[3], ((uint)head[7] << 24) | (uint)((head[4] << 16) | (head[5] << 8) | head[6]));

    private static List<object?>? Command(in RtmpMessage message) => message.Type switch
    {
        RtmpType.Command => Amf0.Read(message.Body.Span),
        RtmpType.CommandAmf3 when message.Body.Length > 0 => Amf0.Read(message.Body.Span[1..]),
        _ => null,
    };

    // Encoders hand on what people wrote behind a question mark, and a slash at either end.
    private static string Plain(string? name) => (name ?? "").Split('?')[0].Trim('/');

    private static (string, object?)[] Server() => [("fmsVer", "FMS/3,0,1,123"), ("capabilities", 31d)];

    private static (string, object?)[] Says(string level, string code, string words) =>
        [("level", level), ("code", code), ("description", words), ("objectEncoding", 0d)];
}
