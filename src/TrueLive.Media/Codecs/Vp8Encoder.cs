using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>libvpx VP8 at one size, in its real-time mode on one thread (two threads spin and are slower on a busy machine).</summary>
internal sealed unsafe class Vp8Encoder : ICodecEncoder
{
    private const int FirstAbi = 20;
    private const int LastAbi = 60;

    private readonly Vpx.Context[] _context = GC.AllocateArray<Vpx.Context>(1, pinned: true);
    private readonly Vpx.Config[] _config = GC.AllocateArray<Vpx.Config>(1, pinned: true);
    private readonly Vpx.Image[] _image = GC.AllocateArray<Vpx.Image>(1, pinned: true);
    private byte[] _output = new byte[1 << 16];
    private bool _open;
    private long _pts;

    public Vp8Encoder(int width, int height, int bitrate)
    {
        fixed (Vpx.Context* context = _context)
        fixed (Vpx.Config* config = _config)
        {
            Vpx.DefaultConfig(Vpx.Vp8(), config, 0);
            config->Threads = 1;
            (config->Width, config->Height) = ((uint)width, (uint)height);
            (config->TimeBaseNumerator, config->TimeBaseDenominator) = (1, 90_000);
            config->ErrorResilient = 0; // lost packets are retransmitted
            (config->LagInFrames, config->DropFrameThreshold) = (0, 0);
            (config->EndUsage, config->TargetBitrate) = (Vpx.ConstantBitRate, (uint)Math.Max(1, bitrate / 1000));
            (config->MinQuantizer, config->MaxQuantizer) = (4, 56);
            (config->UndershootPercent, config->OvershootPercent) = (100, 15);
            (config->BufferSize, config->BufferInitialSize, config->BufferOptimalSize) = (1000, 500, 600);
            (config->KeyFrameMinDistance, config->KeyFrameMaxDistance) = (0, 100_000); // key frames only on request
            var result = Vpx.AbiMismatch;
            // The ABI version changes with each release and only guards the structures, whose first fields have not moved since libvpx 1.8.
            for (var abi = FirstAbi; abi <= LastAbi && result == Vpx.AbiMismatch; abi++)
                result = Vpx.Init(context, Vpx.Vp8(), config, 0, abi);
            if (result != 0)
                throw new ArgumentException($"libvpx does not encode {width}x{height} (error {result}).");
            _open = true;
            Vpx.Control(context, Vpx.SetCpuUsed, -8);
            Vpx.Control(context, Vpx.SetStaticThreshold, 1);
            Vpx.Control(context, Vpx.SetMaxIntraBitrate, 450);
        }
    }

    public void SetBitrate(int bitrate)
    {
        fixed (Vpx.Context* context = _context)
        fixed (Vpx.Config* config = _config)
        {
            config->TargetBitrate = (uint)Math.Max(1, bitrate / 1000);
            Vpx.SetConfig(context, config);
        }
    }

    public bool TryEncode(VideoFrame frame, bool forceKey, uint rtpTime, out ReadOnlySpan<byte> data, out bool keyFrame)
    {
        data = [];
        keyFrame = false;
        fixed (Vpx.Context* context = _context)
        fixed (Vpx.Image* image = _image)
        fixed (byte* y = frame.Y, u = frame.U, v = frame.V)
        {
            Vpx.Wrap(image, Vpx.I420, (uint)frame.Width, (uint)frame.Height, 1, y);
            image->Y = y;
            image->U = u;
            image->V = v;
            (image->StrideY, image->StrideU, image->StrideV) = (frame.StrideY, frame.StrideC, frame.StrideC);
            _pts += 3000;
            if (Vpx.Encode(context, image, _pts, 3000, forceKey ? 1 : 0, 1) != 0)
                return false;
            nint iterator = 0;
            var length = 0;
            while (Vpx.NextPacket(context, ref iterator) is var packet && packet != null)
            {
                if (packet->Kind != Vpx.FramePacket)
                    continue;
                var size = (int)packet->Size;
                if (_output.Length < length + size)
                    Array.Resize(ref _output, (length + size) * 3 / 2);
                new ReadOnlySpan<byte>(packet->Data, size).CopyTo(_output.AsSpan(length));
                length += size;
                keyFrame |= (packet->Flags & Vpx.KeyFrameFlag) != 0;
            }
            data = _output.AsSpan(0, length);
            return length > 0;
        }
    }

    public void Dispose()
    {
        if (!_open)
            return;
        _open = false;
        fixed (Vpx.Context* context = _context)
            Vpx.Destroy(context);
    }
}
