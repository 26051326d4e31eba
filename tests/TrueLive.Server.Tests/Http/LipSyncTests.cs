using Microsoft.Extensions.DependencyInjection;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Server.Live.Sessions;
using TrueLive.WebRtc;

namespace TrueLive.Server.Tests.Http;

/// <summary>Sound with a slow model: it passes unchanged, and the sender reports let players synchronise it with the picture.</summary>
public sealed class LipSyncTests
{
    private const double MaxSkewMs = 20;
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(90);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Run", "long")]
    public async Task Sound_passes_untouched_and_the_reports_bind_it_to_the_picture_however_slow_the_network_is()
    {
        await using var server = await RunningServer.StartAsync(models: [new SlowModel()]);
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.OpenControlAsync();
        var whep = client.WhepOf(server);
        await using var viewer = await NativeClient.ConnectAsync(whep, sends: false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var said = new List<byte[]>();
        var speaking = SpeakAsync(client.Whip.Peer, said, stop.Token);
        await client.PicturesAsync(20);
        await viewer.PicturesAsync(10);
        await NativeClient.UntilAsync(() => client.Sound.Count > 50 && viewer.Sound.Count > 50);
        await NativeClient.UntilAsync(() => Reported(client) && Reported(viewer));

        // A frame that came late to a busy machine makes one report late; the next is right again.
        await NativeClient.UntilAsync(() => Math.Abs(SkewMs(client, client)) <= MaxSkewMs);
        await NativeClient.UntilAsync(() => Math.Abs(SkewMs(viewer, client)) <= MaxSkewMs);
        await stop.CancelAsync();
        await speaking;
        // No packet is missing but those that were lost on the way, as their numbers tell.
        foreach (var hearing in new[] { client, viewer })
        {
            var places = hearing.Sound.Select(h => (long)said.FindIndex(s => s.AsSpan().SequenceEqual(h))).ToArray();
            var numbers = hearing.SoundNumbers.Take(places.Length).ToArray();
            Assert.DoesNotContain(-1, places);
            Assert.Equal(numbers.Select(n => n - numbers[0]), places.Select(p => p - places[0]));
        }
    }

    [Fact]
    public async Task Sound_of_another_sender_at_the_same_address_goes_on_where_the_clock_is_and_not_hours_away()
    {
        // Over TCP, where no packet gets lost.
        await using var server = await RunningServer.StartAsync(o => o.WebrtcUdp = false);
        var first = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await first.PicturesAsync(3);
        var hosted = Assert.Single(server.Services.GetRequiredService<SessionRegistry>().Hosted);
        await using var viewer = await NativeClient.ConnectAsync(first.WhepOf(server), sends: false);
        await viewer.PicturesAsync(1);
        await HearAsync(first, 1_000_000, 3);
        await using var second = await NativeClient.ConnectAsync(new Uri(server.Address, $"/whip/{hosted.Session.Id}"));
        await second.PicturesAsync(3);
        await HearAsync(second, 3_000_000_000, 3);
        await first.DisposeAsync();
        var stamps = viewer.SoundStamps.ToArray();
        for (var i = 1; i < stamps.Length; i++)
            Assert.InRange(stamps[i] - stamps[i - 1], 1u, 48_000u * 60);
        // Packets of one sender keep their intervals.
        Assert.Equal([960u, 960u], new[] { stamps[1] - stamps[0], stamps[2] - stamps[1] });
        Assert.Equal([960u, 960u], new[] { stamps[^2] - stamps[^3], stamps[^1] - stamps[^2] });

        async Task HearAsync(NativeClient sender, uint stamp, int packets)
        {
            var heard = viewer.Sound.Count;
            for (uint i = 0; i < packets; i++)
                Assert.True(sender.Whip.Peer.SendAudio([0xf8, 0xff, 0xfe, (byte)i], stamp + 960 * i));
            await NativeClient.UntilAsync(() => viewer.Sound.Count >= heard + packets);
        }
    }

    private static bool Reported(NativeClient client) =>
        client.Whip.Peer.Stats is { VideoSenderReport: not null, AudioSenderReport: not null };

    /// <summary>How much later the picture is due than the sound of the same moment, according to the server's sender reports.</summary>
    private static double SkewMs(NativeClient at, NativeClient sender)
    {
        var trace = sender.Messages.Last(m => (string?)m["type"] == "frame");
        var offset = (uint)((long)trace["output_media_time"]! - (long)trace["media_time"]!);
        var stats = at.Whip.Peer.Stats;
        var (video, audio) = (stats.VideoSenderReport!.Value, stats.AudioSenderReport!.Value);
        // The scene's stamps advance by 1/30 s, but its frames are sent every 33 ms, so the nearest one tells when a stamp was taken.
        var stamp = video.RtpTime - offset;
        var sent = sender.Stamps.MinBy(s => Math.Abs((int)(s.Stamp - stamp)));
        var taken = sent.At * 1000.0 / TimeProvider.System.TimestampFrequency + (int)(stamp - sent.Stamp) / 90.0;
        // The stamps of the sound begin anew after a day.
        var apart = (int)((uint)(ulong)(taken * 48) - audio.RtpTime) / 48.0;
        return (long)(video.NtpTime - audio.NtpTime) * 1000.0 / (1L << 32) - apart;
    }

    /// <summary>An Opus packet every 20 ms, stamped with the clock and numbered.</summary>
    private static async Task SpeakAsync(RtcPeer peer, List<byte[]> said, CancellationToken stop)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            while (await pace.WaitForNextTickAsync(stop))
            {
                byte[] opus = [0x78, (byte)said.Count, (byte)(said.Count >> 8), 1, 2, 3];
                said.Add(opus);
                peer.SendAudio(opus, Stamp48());
            }
        }
        catch (OperationCanceledException)
        {
            // The test is over.
        }
    }

    private static uint Stamp48() =>
        (uint)(ulong)((Int128)TimeProvider.System.GetTimestamp() * 48_000 / TimeProvider.System.TimestampFrequency);

    /// <summary>Passes pictures through after a delay.</summary>
    private sealed class SlowModel : IVideoModel
    {
        private readonly PassthroughModel _fast = new();

        public ModelInfo Info => _fast.Info with { Id = "slow" };

        public PromptReading Read(string text) => _fast.Read(text);

        public IModelSession CreateSession(int width, int height) => new Session(_fast.CreateSession(width, height));

        public void Dispose() => _fast.Dispose();

        private sealed class Session(IModelSession fast) : IModelSession
        {
            private readonly ManualResetEventSlim _never = new();

            public int Width => fast.Width;

            public int Height => fast.Height;

            public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
            {
                _never.Wait(StepTime, Cancel);
                return fast.Step(input, prompt, made);
            }

            public void Reset() => fast.Reset();

            public ModelState Capture() => fast.Capture();

            public void Restore(ModelState state) => fast.Restore(state);

            public void Dispose()
            {
                _never.Dispose();
                fast.Dispose();
            }
        }
    }
}
