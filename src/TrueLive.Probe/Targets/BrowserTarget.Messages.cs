using System.Buffers.Binary;
using System.Net.WebSockets;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Targets;

// What the page says and shows.
public abstract partial class BrowserTarget
{
    private async Task ReadAsync()
    {
        var buffer = new byte[Math.Max(MaxText, Head + Pixels * 3 / 2) + 1];
        try
        {
            while (true)
            {
                var (length, type) = (0, WebSocketMessageType.Text);
                ValueWebSocketReceiveResult part;
                do
                {
                    part = await _socket!.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None).ConfigureAwait(false);
                    (length, type) = (length + part.Count, part.MessageType);
                }
                while (!part.EndOfMessage && length < buffer.Length);
                if (type == WebSocketMessageType.Close || length == buffer.Length)
                    break;
                if (type == WebSocketMessageType.Binary)
                    Take(buffer.AsSpan(0, length));
                else
                    Hear(buffer.AsSpan(0, length));
            }
        }
        catch (Exception e) when (e is WebSocketException or ObjectDisposedException or JsonException)
        {
        }
        End(_process?.EndedBecause ?? "the browser went away");
    }

    private void Take(ReadOnlySpan<byte> message)
    {
        if (message.Length != Head + Pixels * 3 / 2)
            return;
        var now = _time.GetTimestamp();
        var seen = BinaryPrimitives.ReadDoubleLittleEndian(message) / 1000 * _time.TimestampFrequency;
        var sent = BinaryPrimitives.ReadDoubleLittleEndian(message[sizeof(double)..]) / 1000 * _time.TimestampFrequency;
        if (!double.IsFinite(seen) || !double.IsFinite(sent) || Math.Abs(seen - sent) > _time.TimestampFrequency)
            return;
        // The smallest difference seen between the two clocks is that of the message that waited least on its way.
        _offset = Math.Min(_offset, now - sent);
        var frame = _pool.Rent(Picture.AnalysisWidth, Picture.AnalysisHeight);
        var at = Head;
        at += Fill(message[at..], frame.Y, frame.StrideY, frame.Width, frame.Height);
        at += Fill(message[at..], frame.U, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        Fill(message[at..], frame.V, frame.StrideC, frame.ChromaWidth, frame.ChromaHeight);
        frame.Colour = ColourSpace.Bt601Limited;
        if (!_output.Writer.TryWrite((frame, (long)(seen + _offset))))
            frame.Dispose();
    }

    private static int Fill(ReadOnlySpan<byte> from, Span<byte> plane, int stride, int width, int height)
    {
        for (var y = 0; y < height; y++)
            from.Slice(y * width, width).CopyTo(plane[(y * stride)..]);
        return width * height;
    }

    /// <summary>Handles a text message from the page.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    internal void Hear(ReadOnlySpan<byte> text)
    {
        var reader = new Utf8JsonReader(text);
        using var message = JsonDocument.ParseValue(ref reader);
        try
        {
            Hear(message.RootElement);
        }
        catch (InvalidOperationException broken)
        {
            throw new JsonException("A text of it is not valid Unicode.", broken);
        }
    }

    // A name or text that is not valid Unicode throws InvalidOperationException when it is read.
    private void Hear(JsonElement message)
    {
        if (message.ValueKind != JsonValueKind.Object)
            return;
        if (message.TryGetProperty("connected", out _))
        {
            OnDisplay = Is("display");
            _connected.TrySetResult(Is("prompts"));
        }
        if (message.TryGetProperty("log", out var log) && _notes++ < MaxNotes)
            Heard?.Invoke($"{Speaker} says: " + Words(log));
        if (message.TryGetProperty("error", out var error))
        {
            EndedBecause = $"{Speaker} failed: " + Words(error);
            if (!_connected.TrySetException(new TargetException($"{Name}: {Words(error)}")))
                _output.Writer.TryComplete();
        }
        if (message.TryGetProperty("ended", out var ended))
        {
            EndedBecause = Words(ended);
            _output.Writer.TryComplete();
        }

        bool Is(string name) => message.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.True;
    }

    private static string Words(JsonElement said) => Printable(said.ToString(), 500);

    /// <summary>Text from a page goes to terminals and into reports, so it must hold no control characters.</summary>
    private protected static string Printable(string text, int most) => string.Concat(text.Take(most).Where(c => !char.IsControl(c)));
}
