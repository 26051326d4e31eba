using System.IO.Pipelines;
using TrueLive.Server.Streams.Hls;

namespace TrueLive.Server.Tests.Streams;

/// <summary>FLV as the child of an HLS output writes it, with what a test wants in it, cut for that output.</summary>
internal sealed class MadeFlv
{
    private const byte Sound = 8;
    private const byte Picture = 9;

    // Of 64x48.
    private static readonly byte[] PictureHead = Convert.FromHexString(
        "0142c00affe100156742c00ada11ec0440000003004000000f23c489a801000468ce0fc8");

    private readonly Pipe _pipe = new();
    private double _at;

    public MadeFlv(HlsOutput to) => Cutting = new HlsCutter(to).TakeAsync(_pipe.Reader.AsStream(), _ => { }, CancellationToken.None);

    /// <summary>Completes when all is cut.</summary>
    public Task Cutting { get; }

    public async Task HeadAsync()
    {
        await WriteAsync([.. "FLV"u8, 1, 5, 0, 0, 0, 9]);
        await TagAsync(Picture, [0x17, 0, 0, 0, 0, .. PictureHead]);
        await TagAsync(Sound, [0xAF, 0, 0x11, 0x90]);
    }

    /// <summary>The next picture, which stays for so long.</summary>
    public async Task PictureAsync(TimeSpan duration, bool key, int bytes = 100)
    {
        await TagAsync(Picture, [(byte)(key ? 0x17 : 0x27), 1, 0, 0, 0, .. new byte[bytes]]);
        _at += duration.TotalMilliseconds;
    }

    public Task SoundAsync() => TagAsync(Sound, [0xAF, 1, .. new byte[10]]);

    /// <summary>The child ends. Completes when all is cut.</summary>
    public async Task EndAsync()
    {
        await _pipe.Writer.CompleteAsync();
        await Cutting;
    }

    private Task TagAsync(byte kind, byte[] data)
    {
        var (size, at) = (data.Length, (int)Math.Round(_at));
        return WriteAsync(
        [
            0, 0, 0, 0, kind, (byte)(size >> 16), (byte)(size >> 8), (byte)size, (byte)(at >> 16), (byte)(at >> 8), (byte)at,
            (byte)(at >> 24), 0, 0, 0, .. data,
        ]);
    }

    private async Task WriteAsync(byte[] bytes) => await _pipe.Writer.WriteAsync(bytes);
}
