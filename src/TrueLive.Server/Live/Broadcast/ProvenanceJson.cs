using System.Buffers;
using System.Text.Json;
using TrueLive.Core.Frames;

namespace TrueLive.Server.Live.Broadcast;

/// <summary>
/// Writes the <c>frame</c> message that travels beside every output picture, without allocating per frame. Not thread-safe.
/// </summary>
internal sealed class ProvenanceJson(TimeProvider time) : IDisposable
{
    private readonly ArrayBufferWriter<byte> _buffer = new(512);
    private readonly Utf8JsonWriter _writer = new(Stream.Null);

    /// <summary>Milliseconds of the server's monotonic clock, on which the times of <c>pong</c> and of frames are.</summary>
    public static double Milliseconds(TimeProvider time, long timestamp) => Math.Round(timestamp * 1000.0 / time.TimestampFrequency, 3);

    /// <summary>The message; valid until the next call.</summary>
    /// <param name="p">Trace of the frame.</param>
    /// <param name="outputMediaTime">90 kHz RTP timestamp of the output as it is on the wire.</param>
    /// <param name="encoded"><see cref="TimeProvider.GetTimestamp"/> when the picture was coded.</param>
    public ReadOnlyMemory<byte> Write(in FrameTicket p, uint outputMediaTime, long encoded)
    {
        _buffer.ResetWrittenCount();
        _writer.Reset(_buffer);
        _writer.WriteStartObject();
        _writer.WriteString("type"u8, "frame"u8);
        _writer.WriteNumber("output"u8, p.OutputSequence);
        _writer.WriteNumber("source"u8, p.SourceSequence);
        _writer.WriteNumber("media_time"u8, p.MediaTime);
        _writer.WriteNumber("output_media_time"u8, outputMediaTime);
        _writer.WriteNumber("revision"u8, p.PromptRevision);
        _writer.WriteNumber("epoch"u8, p.Epoch);
        if (p.ModelId is { } model)
        {
            _writer.WriteString("model"u8, model);
            _writer.WriteString("model_version"u8, p.ModelVersion);
        }
        _writer.WriteString("origin"u8, p.Origin switch
        {
            FrameOrigin.Generated => "generated"u8,
            FrameOrigin.Repeated => "repeated"u8,
            _ => "passed_through"u8,
        });
        _writer.WriteNumber("arrived_ms"u8, Milliseconds(time, p.Arrived));
        _writer.WriteNumber("decode_ms"u8, Between(p.Arrived, p.Decoded));
        _writer.WriteNumber("wait_ms"u8, Between(p.Decoded, p.Taken));
        if (p.Held > 0)
            _writer.WriteNumber("held_ms"u8, Milliseconds(time, p.Held));
        _writer.WriteNumber("step_ms"u8, Between(p.StepBegan, p.StepEnded));
        _writer.WriteNumber("encode_ms"u8, Between(p.Released, encoded));
        if (p.Mask is { } mask)
        {
            _writer.WriteStartObject("mask"u8);
            _writer.WriteString("on"u8, mask.On);
            _writer.WriteString("rest"u8, mask.Rest);
            _writer.WriteNumber("person"u8, Math.Round(mask.Person, 3));
            _writer.WriteNumber("ms"u8, Milliseconds(time, mask.Ticks));
            _writer.WriteEndObject();
        }
        if (p.Palette is { } palette)
        {
            _writer.WriteStartObject("palette"u8);
            _writer.WriteString("picture"u8, palette.Picture);
            _writer.WriteNumber("strength"u8, Math.Round(palette.Strength, 3));
            _writer.WriteNumber("ms"u8, Milliseconds(time, palette.Ticks));
            _writer.WriteEndObject();
        }
        _writer.WriteEndObject();
        _writer.Flush();
        return _buffer.WrittenMemory;
    }

    public void Dispose() => _writer.Dispose();

    private double Between(long from, long to) => from == 0 ? 0 : Math.Round(time.GetElapsedTime(from, to).TotalMilliseconds, 3);
}
