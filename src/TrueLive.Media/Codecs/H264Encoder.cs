using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>openh264 at one size: constrained baseline, one slice, no delay, colour written into the sequence parameters.</summary>
internal sealed unsafe class H264Encoder : ICodecEncoder
{
    // openh264 2.3.1 fails at a frame that takes too many bytes, such as noise in the fine steps that a high bit rate allows, and at every
    // frame after it. A new encoder with coarser steps takes its place.
    private static readonly int[] FinestSteps = [0, 24, 36, 48];

    private readonly byte[] _info = GC.AllocateArray<byte>(OpenH264.InfoSize, pinned: true);
    private readonly int _width;
    private readonly int _height;
    private readonly ColourSpace _colour;
    private readonly double _frameRate;
    private byte[] _output = new byte[1 << 16];
    private nint _encoder;
    private int _bitrate;
    private int _finest;

    public H264Encoder(int width, int height, ColourSpace colour, int bitrate, double frameRate)
    {
        (_width, _height, _colour, _bitrate, _frameRate) = (width, height, colour, bitrate, frameRate);
        Open(0);
    }

    private void Open(int finest)
    {
        Dispose();
        _finest = finest;
        if (OpenH264.Create(out _encoder) != 0)
            throw new InvalidOperationException("openh264 could not make an encoder.");
        var quiet = 0;
        Table->SetOption(_encoder, OpenH264.OptionTraceLevel, &quiet);
        OpenH264.Parameters p;
        Table->GetDefaultParams(_encoder, &p);
        (p.Width, p.Height, p.MaxFrameRate) = (_width, _height, (float)_frameRate);
        (p.RateControl, p.TargetBitrate, p.MaxBitrate) = (OpenH264.BitrateMode, _bitrate, _bitrate * 3 / 2);
        if (finest > 0)
            p.FinestStep = FinestSteps[finest];
        (p.Complexity, p.Threads) = (0, 1);
        (p.IntraPeriod, p.ParameterSetIds) = (0, 0); // key frames only on request, constant ids
        p.FrameSkip = 0; // the pacer decides what is skipped
        (p.Denoise, p.BackgroundDetection, p.AdaptiveQuantization, p.SceneChangeDetection) = (0, 0, 0, 0);
        ref var layer = ref p.FirstLayer;
        (layer.Width, layer.Height, layer.FrameRate) = (_width, _height, (float)_frameRate);
        (layer.Bitrate, layer.MaxBitrate) = (_bitrate, _bitrate * 3 / 2);
        (layer.Profile, layer.SliceMode) = (OpenH264.Baseline, 0);
        var matrix = (byte)(_colour.Matrix == ColourMatrix.Bt709 ? 1 : 6);
        (layer.HasVideoSignal, layer.VideoFormat, layer.FullRange, layer.HasColour) = (1, 5, (byte)(_colour.FullRange ? 1 : 0), 1);
        (layer.Primaries, layer.Transfer, layer.Matrix) = (matrix, matrix, matrix);
        if (Table->InitializeExt(_encoder, &p) != 0)
        {
            Dispose();
            throw new ArgumentException($"openh264 does not encode {_width}x{_height}; sides must be even and at least 16.");
        }
    }

    private OpenH264.Table* Table => *(OpenH264.Table**)_encoder;

    public void SetBitrate(int bitrate)
    {
        var most = stackalloc int[] { 4, bitrate * 3 / 2 };
        var target = stackalloc int[] { 4, bitrate };
        // The target must never exceed the maximum, not even between the two calls.
        if (bitrate > _bitrate)
            Table->SetOption(_encoder, OpenH264.OptionMaxBitrate, most);
        Table->SetOption(_encoder, OpenH264.OptionBitrate, target);
        if (bitrate <= _bitrate)
            Table->SetOption(_encoder, OpenH264.OptionMaxBitrate, most);
        _bitrate = bitrate;
    }

    public bool TryEncode(VideoFrame frame, bool forceKey, uint rtpTime, out ReadOnlySpan<byte> data, out bool keyFrame)
    {
        data = [];
        keyFrame = false;
        if (forceKey && _finest > 0)
            Open(0);
        else if (forceKey)
            Table->ForceIntraFrame(_encoder, 1);
        fixed (byte* info = _info, y = frame.Y, u = frame.U, v = frame.V)
        {
            var picture = new OpenH264.Picture
            {
                Format = OpenH264.I420,
                Y = y,
                U = u,
                V = v,
                StrideY = frame.StrideY,
                StrideU = frame.StrideC,
                StrideV = frame.StrideC,
                Width = frame.Width,
                Height = frame.Height,
                Milliseconds = rtpTime / 90,
            };
            while (Table->EncodeFrame(_encoder, &picture, info) != 0)
            {
                if (_finest == FinestSteps.Length - 1)
                    return false;
                Open(_finest + 1);
            }
            var kind = *(int*)(info + OpenH264.FrameKindAt);
            var layers = *(int*)info;
            if (kind == OpenH264.Skipped || layers == 0)
                return false;
            keyFrame = kind == OpenH264.KeyFrame;
            var length = 0;
            for (var i = 0; i < layers; i++)
            {
                var layer = (OpenH264.LayerInfo*)(info + 8 + i * OpenH264.LayerSize);
                var size = 0;
                for (var n = 0; n < layer->Nals; n++)
                    size += layer->Lengths[n];
                if (_output.Length < length + size)
                    Array.Resize(ref _output, (length + size) * 3 / 2);
                new ReadOnlySpan<byte>(layer->Data, size).CopyTo(_output.AsSpan(length));
                length += size;
            }
            data = _output.AsSpan(0, length);
            return length > 0;
        }
    }

    public void Dispose()
    {
        if (_encoder == 0)
            return;
        Table->Uninitialize(_encoder);
        OpenH264.Destroy(_encoder);
        _encoder = 0;
    }
}
