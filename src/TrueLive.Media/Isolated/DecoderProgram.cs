using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;
using TrueLive.Core.Frames;
using TrueLive.Core.Processes;
using TrueLive.Media.Codecs;

namespace TrueLive.Media.Isolated;

/// <summary>
/// What runs in a decode process: requests come on standard input, answers go to standard output, coded bytes and pictures lie in the
/// memory that <see cref="DecoderMemory.Descriptor"/> names. Ends with its input.
/// </summary>
internal static partial class DecoderProgram
{
    public static int Run()
    {
        CloseInherited();
        using var requests = new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0);
        using var answers = new FileStream(new SafeFileHandle(1, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        using var memory = new SharedFrames(
            new SafeFileHandle(DecoderMemory.Descriptor, ownsHandle: true), DecoderMemory.SlotBytes, DecoderMemory.Slots);
        Serve(requests, answers, memory);
        return 0;
    }

    // What we have opened ourselves closes with a program; what does not was left open by whoever started the server.
    private static void CloseInherited()
    {
        const int GetFlags = 1;
        const int CloseOnExec = 1;
        foreach (var link in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            if (int.TryParse(Path.GetFileName(link), CultureInfo.InvariantCulture, out var file) && file > 2
                && file != DecoderMemory.Descriptor && Control(file, GetFlags, 0) is >= 0 and var flags && (flags & CloseOnExec) == 0)
                _ = Close(file);
        }
    }

    private static void Serve(Stream requests, Stream answers, SharedFrames memory)
    {
        using var video = new VideoDecoder();
        using var pictures = new JpegCodec();
        using var large = new LargePictures();
        var pool = new FramePool("isolated decoder");
        var answer = new byte[DecodeAnswer.Size + DecodeAnswer.MaxTrouble];
        var request = new byte[DecodeRequest.Size];
        while (requests.ReadAtLeast(request, request.Length, throwOnEndOfStream: false) == request.Length)
        {
            var asked = DecodeRequest.Read(request);
            var coded = memory[DecoderMemory.Coded][..asked.Length];
            var dropped = video.Dropped;
            using var picture = asked.Codec == VideoCodec.Jpeg ? Decode(pictures, large, coded, pool) : video.Decode(
                new EncodedFrame
                {
                    Codec = asked.Codec,
                    Data = coded,
                    RtpTime = asked.RtpTime,
                    KeyFrame = asked.KeyFrame,
                    AfterGap = asked.AfterGap,
                    Colour = asked.Colour,
                }, pool);
            var fits = picture is not null && DecodedPlanes.Write(picture, memory[DecoderMemory.Picture]);
            Encoding.UTF8.TryGetBytes(video.Trouble ?? "", answer.AsSpan(DecodeAnswer.Size), out var trouble);
            var isVideo = asked.Codec != VideoCodec.Jpeg;
            new DecodeAnswer(fits, isVideo && video.NeedsKeyFrame, isVideo && video.Hopeless,
                isVideo ? (int)(video.Dropped - dropped) : fits ? 0 : 1, trouble, picture?.Colour ?? default, picture?.Width ?? 0,
                picture?.Height ?? 0, picture?.Ticket.MediaTime ?? 0).Write(answer);
            answers.Write(answer.AsSpan(0, DecodeAnswer.Size + trouble));
        }
    }

    // A large picture is decoded on another thread, which outlives no call but needs bytes that are not on a stack.
    private static VideoFrame? Decode(JpegCodec codec, LargePictures large, ReadOnlySpan<byte> jpeg, FramePool pool) =>
        JpegCodec.CostOf(jpeg) < LargePictures.Large
            ? codec.Decode(jpeg, pool)
            : large.DecodeAsync(codec, jpeg.ToArray(), pool).GetAwaiter().GetResult();

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
