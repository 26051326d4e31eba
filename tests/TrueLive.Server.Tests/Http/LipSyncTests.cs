using System.Text;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Transport;

namespace TrueLive.Server.Tests.Http;

/// <summary>Sound beside a network that takes its time: it passes untouched, and what players are told keeps the two together.</summary>
public sealed class LipSyncTests
{
    private const double MaxSkewMs = 20;
    private static readonly TimeSpan StepTime = TimeSpan.FromMilliseconds(90);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sound_passes_untouched_and_the_reports_bind_it_to_the_picture_however_slow_the_network_is()
    {
        await using var server = await RunningServer.StartAsync(models: [new SlowModel()]);
        await using var client = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await client.OpenControlAsync();
        var whep = new Uri(server.Address, client.Whip.Resource!.AbsolutePath.Replace("/whip/", "/whep/", StringComparison.Ordinal));
        await using var viewer = await NativeClient.ConnectAsync(whep, sends: false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var said = new List<byte[]>();
        var speaking = SpeakAsync(client.Whip.Peer, said, stop.Token);
        await client.PicturesAsync(20);
        await viewer.PicturesAsync(10);
        await NativeClient.UntilAsync(() => client.Sound.Count > 50 && viewer.Sound.Count > 50);
        await NativeClient.UntilAsync(() => Reported(client) && Reported(viewer));

        var trace = await client.MessageAsync(m => (string?)m["type"] == "frame");
        var offset = (uint)((long)trace["output_media_time"]! - (long)trace["media_time"]!);
        Assert.InRange(SkewMs(client, client, offset), -MaxSkewMs, MaxSkewMs);
        Assert.InRange(SkewMs(viewer, client, offset), -MaxSkewMs, MaxSkewMs);
        await stop.CancelAsync();
        await speaking;
        // From the first packet heard on, each is the next one said: nothing is lost on this path.
        foreach (var heard in new[] { client.Sound.ToArray(), viewer.Sound.ToArray() })
            Assert.Equal(said.Skip(said.FindIndex(s => s.AsSpan().SequenceEqual(heard[0]))).Take(heard.Length), heard);
    }

    [Fact]
    public async Task Viewers_hear_one_line_of_sound_when_another_sender_takes_the_session_over()
    {
        await using var server = await RunningServer.StartAsync();
        await using var first = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip"));
        await first.OpenControlAsync();
        var token = (string)(await first.MessageAsync(m => (string?)m["type"] == "session"))["token"]!;
        var whep = new Uri(server.Address, first.Whip.Resource!.AbsolutePath.Replace("/whip/", "/whep/", StringComparison.Ordinal));
        await using var viewer = await NativeClient.ConnectAsync(whep, sends: false);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var speaking = SpeakAsync(first.Whip.Peer, [], stop.Token);
        await NativeClient.UntilAsync(() => viewer.SoundPlaces.Count > 20);
        await stop.CancelAsync();
        await speaking;
        await first.VanishAsync();

        using var endpoint = new RtcEndpoint(new RtcEndpointOptions(), TimeProvider.System);
        using var second = endpoint.Offer(new MediaPreferences(), new PeerOptions(), out var offer);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/whip") { Content = new StringContent(offer, Encoding.UTF8, "application/sdp") };
        request.Headers.Add("X-TrueLive-Token", token);
        second.Accept(await (await server.Http.SendAsync(request, Cancel)).Content.ReadAsStringAsync(Cancel));
        await second.Opened.WaitAsync(Cancel);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var before = viewer.SoundPlaces.Count;
        var going = SpeakAsync(second, [], end.Token, shift: 3 * 3600 * 48_000u);
        await NativeClient.UntilAsync(() => viewer.SoundPlaces.Count > before + 20);
        await end.CancelAsync();
        await going;

        var places = viewer.SoundPlaces.ToArray();
        Assert.All(places.Zip(places.Skip(1)), pair =>
        {
            Assert.InRange(pair.Second.Sequence - pair.First.Sequence, 1, 100);
            Assert.InRange(pair.Second.RtpTime - pair.First.RtpTime, 1u, 60u * 48_000);
        });
    }

    private static bool Reported(NativeClient client) => client.Whip.Peer.Stats is { VideoSenderReport: not null, AudioSenderReport: not null };

    /// <summary>How much later the picture is due than the sound of the same moment, by what the server's reports say.</summary>
    private static double SkewMs(NativeClient at, NativeClient sender, uint offset)
    {
        var stats = at.Whip.Peer.Stats;
        var (video, audio) = (stats.VideoSenderReport!.Value, stats.AudioSenderReport!.Value);
        // The scene's stamps run at 30 a second, its frames leave every 33 ms: the nearest tells when a stamp was taken.
        var stamp = video.RtpTime - offset;
        var sent = sender.Stamps.MinBy(s => Math.Abs((int)(s.Stamp - stamp)));
        var taken = sent.At * 1000.0 / TimeProvider.System.TimestampFrequency + (int)(stamp - sent.Stamp) / 90.0;
        var spoken = audio.RtpTime / 48.0;
        return (long)(video.NtpTime - audio.NtpTime) * 1000.0 / (1L << 32) - (taken - spoken);
    }

    /// <summary>An Opus packet every 20 ms, stamped with the clock and numbered.</summary>
    private static async Task SpeakAsync(PeerConnection peer, List<byte[]> said, CancellationToken stop, uint shift = 0)
    {
        using var pace = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        try
        {
            while (await pace.WaitForNextTickAsync(stop))
            {
                byte[] opus = [0x78, (byte)said.Count, (byte)(said.Count >> 8), 1, 2, 3];
                said.Add(opus);
                peer.SendAudio(opus, Stamp48() + shift);
            }
        }
        catch (OperationCanceledException)
        {
            // Told to stop.
        }
    }

    private static uint Stamp48() => (uint)(ulong)((Int128)TimeProvider.System.GetTimestamp() * 48_000 / TimeProvider.System.TimestampFrequency);

    /// <summary>Hands pictures through after a while.</summary>
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

            public VideoFrame Step(VideoFrame input, Prompt prompt)
            {
                _never.Wait(StepTime, Cancel);
                return fast.Step(input, prompt);
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
