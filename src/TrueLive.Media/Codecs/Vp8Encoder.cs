using TrueLive.Core.Frames;
using TrueLive.Media.Native;

namespace TrueLive.Media.Codecs;

/// <summary>libvpx VP8 at one size, in its real-time mode on one thread (two threads spin and are slower on a busy machine).</summary>
internal sealed unsafe class Vp8Encoder : ICodecEncoder
{
    private const int FirstAbi = 20;
    private const int LastAbi = 60;

    private readonly byte[] _context = GC.AllocateArray<byte>(Vpx.ContextSize, pinned: true);
    private readonly byte[] _config = GC.AllocateArray<byte>(Vpx.ConfigSize, pinned: true);
    private readonly byte[] _image = GC.AllocateArray<byte>(Vpx.ImageSize, pinned: true);
    private byte[] _output = new byte[1 << 16];
    private bool _open;
    private long _pts;

    public Vp8Encoder(int width, int height, int bitrate)
    {
        fixed (byte* context = _context, config = _config)
        {
            Vpx.DefaultConfig(Vpx.Vp8(), config, 0);
            void Set(int at, uint value) => BitConverter.TryWriteBytes(_config.AsSpan(at), value);
            Set(4, 1); // threads
            Set(12, (uint)width);
            Set(16, (uint)height);
            Set(28, 1);
            Set(32, 90000);
            Set(36, 0); // error resilient off: lost packets are asked for again
            Set(44, 0); // no lag
            Set(48, 0); // no dropped frames
            Set(72, 1); // constant bit rate
            Set(112, (uint)Math.Max(1, bitrate / 1000));
            Set(116, 4);
            Set(120, 56);
            Set(124, 100);
            Set(128, 15);
            Set(132, 1000);
            Set(136, 500);
            Set(140, 600);
            Set(164, 0);
            Set(168, 100_000); // key frames when asked
            var result = Vpx.AbiMismatch;
            // The number changes with each release and only guards the structures, whose heads have not moved since 1.8.
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
        fixed (byte* context = _context, config = _config)
        {
            *(uint*)(config + 112) = (uint)Math.Max(1, bitrate / 1000);
            Vpx.SetConfig(context, config);
        }
    }

    public bool TryEncode(VideoFrame frame, bool forceKey, uint rtpTime, out ReadOnlySpan<byte> data, out bool keyFrame)
    {
        data = [];
        keyFrame = false;
        fixed (byte* context = _context, image = _image, y = frame.Y, u = frame.U, v = frame.V)
        {
            Vpx.Wrap(image, Vpx.I420, (uint)frame.Width, (uint)frame.Height, 1, y);
            var planes = (byte**)(image + 48);
            planes[0] = y;
            planes[1] = u;
            planes[2] = v;
            (((int*)(image + 80))[0], ((int*)(image + 80))[1], ((int*)(image + 80))[2]) = (frame.StrideY, frame.StrideC, frame.StrideC);
            _pts += 3000;
            if (Vpx.Encode(context, image, _pts, 3000, forceKey ? 1 : 0, 1) != 0)
                return false;
            nint iterator = 0;
            var length = 0;
            while (Vpx.NextPacket(context, ref iterator) is var packet && packet != null)
            {
                if (*(int*)packet != 0)
                    continue;
                var size = (int)*(nuint*)(packet + 16);
                if (_output.Length < length + size)
                    Array.Resize(ref _output, (length + size) * 3 / 2);
                new ReadOnlySpan<byte>(*(byte**)(packet + 8), size).CopyTo(_output.AsSpan(length));
                length += size;
                keyFrame |= (*(uint*)(packet + 40) & 1) != 0;
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
        fixed (byte* context = _context)
            Vpx.Destroy(context);
    }
}
