using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;

namespace TrueLive.Media.Tests.Isolated;

/// <summary>A stream that is decoded in a process of its own, which may crash, hang or lie.</summary>
public sealed partial class IsolatedDecoderTests : IDisposable
{
    private const int WriteOnly = 1;
    private const int NonBlocking = 0x800;

    private readonly FramePool _pool = new("isolated decoder test");
    private readonly FakeTimeProvider _time = new();
    private readonly ConcurrentQueue<DecoderEnd> _ends = new();
    private readonly IsolatedDecoder _decoder;
    private int _skipped;

    public IsolatedDecoderTests() => _decoder = new IsolatedDecoder(_time, _ends.Enqueue);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _decoder.Dispose();

    [Fact]
    public async Task Its_pictures_are_those_of_a_decoder_in_this_process()
    {
        foreach (var (codec, width, height) in new[] { (VideoCodec.H264, 320, 180), (VideoCodec.Vp8, 321, 179), (VideoCodec.Vp8, 64, 48) })
        {
            using var here = new VideoDecoder();
            foreach (var coded in Coded(codec, width, height, 5))
            {
                using var expected = here.Decode(coded.Frame, _pool);
                using var picture = await DecodeAsync(coded);
                Equal(expected!, picture!);
            }
        }
        using var jpeg = new JpegCodec();
        using var frame = (await Scene(642, 362).ReadAsync(Cancel))!;
        var still = new Unit(VideoCodec.Jpeg, true, 0, jpeg.Encode(frame, 90).ToArray());
        using (var expected = jpeg.Decode(still.Data, _pool))
        using (var picture = await DecodeAsync(still))
            Equal(expected!, picture!);
        Assert.Equal((0, null), (_decoder.Dropped, _decoder.Trouble));
        Assert.Null(await DecodeAsync(still with { Data = [1, 2, 3] }));
        Assert.Equal((1, 0), (_decoder.Dropped, _ends.Count));
    }

    [Fact]
    public async Task Killed_in_the_middle_it_goes_on_after_a_pause_with_the_next_key_frame()
    {
        var coded = Coded(VideoCodec.H264, 128, 96, 3);
        (await DecodeAsync(coded[0]))!.Dispose();
        DecodeProcesses.Kill(Assert.Single(Mine()));
        // What is asked while the process dies is answered, too.
        Assert.Null(await DecodeAsync(coded[1]));
        await UntilAsync(() => !_ends.IsEmpty);
        Assert.Contains("It was killed (signal 9)", _ends.Single().Why, StringComparison.Ordinal);
        Assert.Null(await DecodeAsync(coded[0]));
        Assert.True(_decoder is { NeedsKeyFrame: true, Hopeless: true, Trouble: not null });
        await GoOnAsync(coded[1]);
        Assert.True(_decoder is { NeedsKeyFrame: true, Hopeless: false });
        using var picture = await DecodeAsync(coded[0]);
        Assert.NotNull(picture);
        Assert.True(_decoder is { NeedsKeyFrame: false, Hopeless: false, Trouble: null });
        Assert.Equal(2 + _skipped, _decoder.Dropped);
    }

    [Fact]
    public async Task One_that_never_comes_back_from_a_picture_is_ended()
    {
        var coded = Coded(VideoCodec.Vp8, 128, 96, 2);
        (await DecodeAsync(coded[0]))!.Dispose();
        DecodeProcesses.Stop(Assert.Single(Mine()));
        var waiting = DecodeAsync(coded[1]).AsTask();
        await UntilAsync(() =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            return waiting.IsCompleted;
        });
        Assert.Null(await waiting);
        await UntilAsync(() => !_ends.IsEmpty);
        Assert.Equal("The decode process took more than 10 s for a picture.", _ends.First().Why);
    }

    [Fact]
    public async Task One_that_fills_its_own_input_is_ended_and_holds_nobody_up()
    {
        var coded = Coded(VideoCodec.Vp8, 128, 96, 2);
        (await DecodeAsync(coded[0]))!.Dispose();
        var process = Assert.Single(Mine());
        DecodeProcesses.Stop(process);
        var input = Open($"/proc/{process}/fd/0", WriteOnly | NonBlocking);
        Assert.True(input >= 0);
        var bytes = new byte[4096];
        while (Write(input, bytes, bytes.Length) > 0)
        {
        }
        Assert.Null(await DecodeAsync(coded[1]));
        _ = Close(input);
        await UntilAsync(() => !_ends.IsEmpty);
        Assert.Equal("The decode process takes no requests.", _ends.First().Why);
    }

    [Fact]
    public async Task A_stream_that_ends_waits_for_no_picture_and_leaves_no_process()
    {
        var coded = Coded(VideoCodec.H264, 128, 96, 2);
        (await DecodeAsync(coded[0]))!.Dispose();
        var process = Assert.Single(Mine());
        DecodeProcesses.Stop(process);
        using var over = new CancellationTokenSource();
        var waiting = _decoder.DecodeAsync(coded[1].Frame, _pool, over.Token).AsTask();
        await over.CancelAsync();
        Assert.Null(await waiting);
        await UntilAsync(() => !DecodeProcesses.Running().Contains(process));
        Assert.Null(await DecodeAsync(coded[0]));
        Assert.Empty(_ends);
        Assert.Null(_decoder.Trouble);
    }

    [Fact]
    public async Task One_that_dies_is_told_of_even_where_its_stream_ends_with_it()
    {
        var ends = new ConcurrentQueue<DecoderEnd>();
        using (var decoder = new IsolatedDecoder(_time, ends.Enqueue))
        {
            var coded = Coded(VideoCodec.Vp8, 64, 48, 2);
            (await decoder.DecodeAsync(coded[0].Frame, _pool, Cancel))!.Dispose();
            Assert.True(decoder.ProcessorTime > TimeSpan.Zero);
            DecodeProcesses.Kill(Assert.Single(DecodeProcesses.Running(), id => DecodeProcesses.GroupOf(id) == decoder.ProcessId));
            Assert.Null(await decoder.DecodeAsync(coded[1].Frame, _pool, Cancel));
        }
        await UntilAsync(() => !ends.IsEmpty);
        Assert.Contains("It was killed (signal 9)", Assert.Single(ends).Why, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_were_left_open_for_the_server_are_not_open_for_its_decoders()
    {
        var left = MemoryFile("truelive-left-open", 0);
        Assert.True(left > 0);
        try
        {
            using var decoder = new IsolatedDecoder(_time);
            (await decoder.DecodeAsync(Coded(VideoCodec.Vp8, 64, 48, 1)[0].Frame, _pool, Cancel))!.Dispose();
            var process = Assert.Single(DecodeProcesses.Running(), id => DecodeProcesses.GroupOf(id) == decoder.ProcessId);
            var open = Directory.GetFileSystemEntries($"/proc/{process}/fd").Select(f => new FileInfo(f).LinkTarget ?? "").ToList();
            Assert.Contains(open, f => f.Contains("truelive-frames", StringComparison.Ordinal));
            Assert.DoesNotContain(open, f => f.Contains("truelive-left-open", StringComparison.Ordinal)
                || f.Contains("truelive-filter", StringComparison.Ordinal));
        }
        finally
        {
            _ = Close(left);
        }
    }

    [Fact]
    public async Task Hostile_bytes_end_nothing()
    {
        var coded = Coded(VideoCodec.H264, 128, 96, 1)[0];
        var random = new Random(7);
        for (var i = 0; i < 200; i++)
        {
            var wild = (byte[])coded.Data.Clone();
            random.NextBytes(wild.AsSpan(random.Next(wild.Length)));
            (await DecodeAsync(coded with { Data = wild }))?.Dispose();
        }
        // A decoder may hold back as many pictures as the last header that it believed allows.
        VideoFrame? back = null;
        for (var i = 0; i < 20 && back is null; i++)
            back = await DecodeAsync(coded);
        Assert.NotNull(back);
        back.Dispose();
        Assert.Empty(_ends);
    }

    private HashSet<int> Mine() => [.. DecodeProcesses.Running().Where(id => DecodeProcesses.GroupOf(id) == _decoder.ProcessId)];

    private ValueTask<VideoFrame?> DecodeAsync(in Unit unit) => _decoder.DecodeAsync(unit.Frame, _pool, Cancel);

    // The next process has begun when a frame is refused for want of a key frame alone.
    private Task GoOnAsync(Unit delta) => UntilAsync(() =>
    {
        _time.Advance(TimeSpan.FromMilliseconds(250));
        Assert.True(_decoder.DecodeAsync(delta.Frame, _pool, Cancel).AsTask().IsCompleted);
        _skipped++;
        return !_decoder.Hopeless;
    });

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        limit.CancelAfter(TimeSpan.FromMinutes(5));
        while (!condition())
            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, limit.Token);
    }

    private MovingScene Scene(int width, int height) => new(width, height, 30, _pool, numbered: true);

    private Unit[] Coded(VideoCodec codec, int width, int height, int count)
    {
        using var encoder = new VideoEncoder(codec, 1_000_000);
        var scene = Scene(width, height);
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            using var frame = scene.ReadAsync(Cancel).AsTask().GetAwaiter().GetResult()!;
            Assert.True(encoder.TryEncode(frame, false, frame.Ticket.MediaTime, out var coded));
            return new Unit(codec, coded.KeyFrame, coded.RtpTime, coded.Data.ToArray());
        })];
    }

    private static void Equal(VideoFrame expected, VideoFrame picture)
    {
        Assert.Equal((expected.Width, expected.Height, expected.Colour, expected.Ticket.MediaTime),
            (picture.Width, picture.Height, picture.Colour, picture.Ticket.MediaTime));
        for (var y = 0; y < expected.Height; y++)
            Assert.True(expected.Y.Slice(y * expected.StrideY, expected.Width).SequenceEqual(
                picture.Y.Slice(y * picture.StrideY, picture.Width)));
        for (var y = 0; y < expected.ChromaHeight; y++)
        {
            var row = y * expected.StrideC;
            Assert.True(expected.U.Slice(row, expected.ChromaWidth).SequenceEqual(picture.U.Slice(row, picture.ChromaWidth)));
            Assert.True(expected.V.Slice(row, expected.ChromaWidth).SequenceEqual(picture.V.Slice(row, picture.ChromaWidth)));
        }
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint Write(int file, byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);

    private sealed record Unit(VideoCodec Codec, bool KeyFrame, uint RtpTime, byte[] Data)
    {
        public EncodedFrame Frame => new() { Codec = Codec, Data = Data, KeyFrame = KeyFrame, RtpTime = RtpTime };
    }
}
