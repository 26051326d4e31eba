using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>openh264 at one size: constrained baseline, one slice, no delay, colour written into the sequence parameters.</summary>
internal sealed unsafe class H264Encoder : ICodecEncoder
{
    private readonly byte[] _info = GC.AllocateArray<byte>(OpenH264.InfoSize, pinned: true);
    private readonly byte[] _picture = GC.AllocateArray<byte>(OpenH264.PictureSize, pinned: true);
    private byte[] _output = new byte[1 << 16];
    private nint _encoder;
    private int _bitrate;

    public H264Encoder(int width, int height, ColourSpace colour, int bitrate, double frameRate)
    {
        if (OpenH264.Create(out _encoder) != 0)
            throw new InvalidOperationException("openh264 could not make an encoder.");
        var quiet = 0;
        Table->SetOption(_encoder, OpenH264.OptionTraceLevel, &quiet);
        var p = stackalloc byte[OpenH264.ParamSize];
        Table->GetDefaultParams(_encoder, p);
        void Int(int at, int value) => *(int*)(p + at) = value;
        Int(4, width);
        Int(8, height);
        Int(12, bitrate);
        Int(16, 1); // iRCMode: RC_BITRATE_MODE
        *(float*)(p + 20) = (float)frameRate;
        Int(832, 0); // iComplexityMode: LOW
        Int(836, 0); // uiIntraPeriod: only when asked
        Int(844, 0); // eSpsPpsIdStrategy: constant ids
        p[860] = 0; // bEnableFrameSkip: the pacer decides what is skipped
        Int(864, bitrate * 3 / 2); // iMaxBitrate
        *(ushort*)(p + 892) = 1; // iMultipleThreadIdc
        p[908] = p[909] = p[910] = p[912] = 0; // denoise, background detection, adaptive quantisation, scene change
        var layer = p + 32;
        *(int*)layer = width;
        *(int*)(layer + 4) = height;
        *(float*)(layer + 8) = (float)frameRate;
        *(int*)(layer + 12) = bitrate;
        *(int*)(layer + 16) = bitrate * 3 / 2;
        *(int*)(layer + 20) = 66; // baseline
        *(int*)(layer + 32) = 0; // one slice
        var matrix = (byte)(colour.Matrix == ColourMatrix.Bt709 ? 1 : 6);
        (layer[184], layer[185], layer[186], layer[187], layer[188], layer[189], layer[190]) = (1, 5, (byte)(colour.FullRange ? 1 : 0), 1, matrix, matrix, matrix);
        if (Table->InitializeExt(_encoder, p) != 0)
        {
            Dispose();
            throw new ArgumentException($"openh264 does not encode {width}x{height}; sides must be even and at least 16.");
        }
        _bitrate = bitrate;
    }

    private OpenH264.Table* Table => *(OpenH264.Table**)_encoder;

    public void SetBitrate(int bitrate)
    {
        var most = stackalloc int[] { 4, bitrate * 3 / 2 };
        var target = stackalloc int[] { 4, bitrate };
        // The target may never be above the maximum, not even between the two calls.
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
        if (forceKey)
            Table->ForceIntraFrame(_encoder, 1);
        fixed (byte* picture = _picture, info = _info, y = frame.Y, u = frame.U, v = frame.V)
        {
            *(int*)picture = 23; // I420
            (((int*)(picture + 4))[0], ((int*)(picture + 4))[1], ((int*)(picture + 4))[2]) = (frame.StrideY, frame.StrideC, frame.StrideC);
            var planes = (byte**)(picture + 24);
            planes[0] = y;
            planes[1] = u;
            planes[2] = v;
            (*(int*)(picture + 56), *(int*)(picture + 60)) = (frame.Width, frame.Height);
            *(long*)(picture + 64) = rtpTime / 90;
            if (Table->EncodeFrame(_encoder, picture, info) != 0)
                return false;
            var kind = *(int*)(info + OpenH264.FrameKindAt);
            var layers = *(int*)info;
            if (kind == 4 || layers == 0)
                return false;
            keyFrame = kind == 1;
            var length = 0;
            for (var i = 0; i < layers; i++)
            {
                var layer = info + 8 + i * OpenH264.LayerSize;
                var nals = *(int*)(layer + 16);
                var lengths = *(int**)(layer + 24);
                var size = 0;
                for (var n = 0; n < nals; n++)
                    size += lengths[n];
                if (_output.Length < length + size)
                    Array.Resize(ref _output, (length + size) * 3 / 2);
                new ReadOnlySpan<byte>(*(byte**)(layer + 32), size).CopyTo(_output.AsSpan(length));
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
