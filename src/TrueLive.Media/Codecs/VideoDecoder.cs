using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>
/// Decodes one stream of H.264 (any profile up to High) or VP8, one picture out for each access unit in, without delay. Some access units
/// give no picture: in a stream that reorders pictures or codes hidden ones, and, in one without IDR pictures, after a loss until the
/// recovery point. Hostile or broken input never throws: the frame is dropped and <see cref="NeedsKeyFrame"/> is set. Not thread-safe.
/// </summary>
public sealed unsafe class VideoDecoder : ILiveDecoder
{
    /// <summary>Largest picture, in pixels.</summary>
    public const long MaxPixels = 4096L * 2304;

    private const int Padding = 64;

    // H.264 reorders at most this many pictures (max_num_reorder_frames); a stream that gives none for longer is broken.
    private const int MaxHeldBack = 16;

    // A single damaged key frame does not make a stream hopeless.
    private const int MaxFailures = 5;

    private const string Interlaced = "The picture is interlaced: each frame shows two moments, and motion has combs. Send progressive " +
        "video, or deinterlace before sending.";

    private nint _context;
    private Av.Packet* _packet;
    private Av.Frame* _frame;
    private byte[] _input = GC.AllocateUninitializedArray<byte>(1 << 16, pinned: true);
    private VideoCodec _codec;
    private H264Sequence? _sequence;
    private int _heldBack;
    private int _mayHoldBack;
    private int _failures;
    private bool _interlaced;

    /// <inheritdoc/>
    public bool NeedsKeyFrame { get; private set; } = true;

    /// <inheritdoc/>
    public string? Trouble { get; private set; }

    /// <inheritdoc/>
    public bool Hopeless { get; private set; }

    /// <inheritdoc/>
    public long Dropped { get; private set; }

    /// <summary>
    /// The decoded picture with the colour that the stream signals, or null when there is none. The caller disposes it and sets its time;
    /// until then its ticket holds only <see cref="FrameTicket.MediaTime"/>, that of the access unit that it was in. The codec and the size
    /// may change at any time.
    /// </summary>
    /// <exception cref="MissingNativeLibraryException">libavcodec is not installed.</exception>
    public VideoFrame? Decode(in EncodedFrame encoded, FramePool pool)
    {
        if (encoded.Codec is not (VideoCodec.H264 or VideoCodec.Vp8))
            throw new ArgumentException($"{encoded.Codec} is not decoded here.");
        if (encoded.Data.Length is 0 or > 8 << 20)
            return Drop();
        if (_context == 0 || encoded.Codec != _codec)
            Open(encoded.Codec);
        if (NeedsKeyFrame && !encoded.KeyFrame)
            return Drop();
        if (encoded.KeyFrame)
            Begin(encoded);
        // The decoder reads past the end by design; the padding must be zero.
        if (_input.Length < encoded.Data.Length + Padding)
            _input = GC.AllocateUninitializedArray<byte>(encoded.Data.Length * 3 / 2 + Padding, pinned: true);
        encoded.Data.CopyTo(_input);
        _input.AsSpan(encoded.Data.Length, Padding).Clear();
        fixed (byte* data = _input)
            _packet->Data = data;
        (_packet->Size, _packet->Stamp) = (encoded.Data.Length, encoded.RtpTime);
        var result = Av.SendPacket(_context, _packet);
        if (result == 0)
            result = Av.ReceiveFrame(_context, _frame);
        if (result == Av.Again && ++_heldBack <= _mayHoldBack)
        {
            // No picture yet; a key frame would not change that.
            NeedsKeyFrame = false;
            return null;
        }
        _heldBack = 0;
        if (result != 0)
            return Fail(encoded.KeyFrame);
        int width = _frame->Width, height = _frame->Height;
        if (_frame->Format is not (Av.PixelI420 or Av.PixelI420Full) || !IsTaken(width, height))
            return Refuse(width, height);
        (NeedsKeyFrame, Hopeless, _failures, _mayHoldBack) = (false, false, 0, MaxHeldBack);
        Trouble = _interlaced ? Interlaced : null;
        var picture = pool.Rent(width, height);
        Copy(0, picture.Y, picture.StrideY, width, height);
        Copy(1, picture.U, picture.StrideC, picture.ChromaWidth, picture.ChromaHeight);
        Copy(2, picture.V, picture.StrideC, picture.ChromaWidth, picture.ChromaHeight);
        picture.Colour = encoded.Colour ?? SignalledColour();
        picture.Ticket = new FrameTicket(0, TimeSpan.Zero, 0, (uint)_frame->Stamp);
        return picture;
    }

    /// <summary>The same on the calling thread: it is never pending.</summary>
    /// <inheritdoc cref="Decode"/>
    public ValueTask<VideoFrame?> DecodeAsync(in EncodedFrame encoded, FramePool pool, CancellationToken cancel) =>
        ValueTask.FromResult(Decode(encoded, pool));

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_context != 0)
            Av.FreeContext(ref _context);
        if (_packet is not null)
            Av.FreePacket(ref _packet);
        if (_frame is not null)
            Av.FreeFrame(ref _frame);
    }

    // At a recovery point the decoder is flushed: its old references would show up in pictures that look complete and are not.
    private void Begin(in EncodedFrame encoded)
    {
        _mayHoldBack = Math.Max(_mayHoldBack, MaxHeldBack);
        if (encoded.Codec != VideoCodec.H264)
            return;
        var head = H264Head.Read(encoded.Data, _sequence);
        _sequence = head.Sequence ?? _sequence;
        _interlaced = head.Field || _sequence is { MixedFields: true };
        if (!head.Idr && head.RecoveryFrames is { } frames && (NeedsKeyFrame || encoded.AfterGap))
        {
            Av.Flush(_context);
            (_heldBack, _mayHoldBack) = (0, MaxHeldBack + frames);
        }
    }

    internal static bool IsTaken(long width, long height) =>
        width is >= 2 and <= 8192 && height is >= 2 and <= 8192 && width * height <= MaxPixels;

    private VideoFrame? Fail(bool keyFrame)
    {
        NeedsKeyFrame = true;
        if (_codec == VideoCodec.H264 && _sequence is { } sequence && !IsTaken(sequence.Width, sequence.Height))
            return Refuse((int)Math.Min(sequence.Width, int.MaxValue), (int)Math.Min(sequence.Height, int.MaxValue));
        if (keyFrame && ++_failures >= MaxFailures)
        {
            Hopeless = true;
            Trouble = $"The picture cannot be decoded: {MaxFailures} key frames in a row were broken or of a kind that is not decoded " +
                $"here. It is {Kind}. Send H.264 Constrained Baseline, Main or High with 4:2:0 and 8 bits, or VP8.";
        }
        return Drop();
    }

    private VideoFrame? Refuse(int width, int height)
    {
        (NeedsKeyFrame, Hopeless) = (true, true);
        Trouble = IsTaken(width, height)
            ? $"The picture cannot be decoded: it is {Kind}. Send 4:2:0 with 8 bits (OBS: Settings, Advanced, Color Format NV12 or I420)."
            : $"The picture cannot be decoded: {width}x{height} is not within 2x2 and {MaxPixels / 1e6:0.0} million pixels. Send a " +
                "smaller one.";
        return Drop();
    }

    private string Kind => _codec == VideoCodec.H264 ? _sequence?.Words ?? "H.264" : "VP8";

    private VideoFrame? Drop()
    {
        Dropped++;
        return null;
    }

    private void Open(VideoCodec codec)
    {
        Dispose();
        Av.SetLogLevel(-8);
        var id = Av.FindDecoder(codec == VideoCodec.H264 ? Av.CodecH264 : Av.CodecVp8);
        if (id == 0)
            throw new MissingNativeLibraryException($"This libavcodec does not decode {codec}. Install Debian's: apt-get install " +
                "libavcodec59 (Debian 12; on Debian 13: apt-get install libavcodec61)");
        (_context, _codec, NeedsKeyFrame) = (Av.AllocContext(id), codec, true);
        _packet = Av.AllocPacket();
        _frame = Av.AllocFrame();
        (_sequence, _interlaced, _failures, _heldBack) = (null, false, 0, 0);
        Av.SetOption(_context, "threads", "1", 0);
        Av.SetOption(_context, "flags", "+low_delay", 0);
        Av.SetOption(_context, "max_pixels", MaxPixels.ToString(System.Globalization.CultureInfo.InvariantCulture), 0);
        if (Av.Open(_context, id, 0) != 0)
            throw new InvalidOperationException($"libavcodec refused to open its {codec} decoder.");
    }

    private void Copy(int plane, Span<byte> to, int stride, int width, int height)
    {
        var from = _frame->Plane(plane);
        var step = _frame->Stride(plane);
        for (var y = 0; y < height; y++)
            new ReadOnlySpan<byte>(from + (long)y * step, width).CopyTo(to[(y * stride)..]);
    }

    // H.264 carries the matrix and range in the sequence parameter set (H.264 E.2.1); VP8 is BT.601 limited (RFC 6386 9.2).
    private ColourSpace SignalledColour()
    {
        Av.GetOption(_context, "colorspace", 0, out var matrix);
        Av.GetOption(_context, "color_range", 0, out var range);
        return new ColourSpace(matrix == 1 ? ColourMatrix.Bt709 : ColourMatrix.Bt601, range == 2 || _frame->Format == Av.PixelI420Full);
    }
}
