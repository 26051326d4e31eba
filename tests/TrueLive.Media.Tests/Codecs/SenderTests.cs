using TrueLive.Core.Frames;
using TrueLive.Media.Tests.Files;
using TrueLive.Tests.Shared;

namespace TrueLive.Media.Tests.Codecs;

/// <summary>
/// What senders do with parameter sets, key frames, sequence numbers and timestamps, over a path that loses packets: each picture that is
/// shown is as the sender encoded it, and the picture comes back after a loss. Streams are made by ffmpeg.
/// </summary>
public sealed class SenderTests(MadeFiles files) : IClassFixture<MadeFiles>
{
    private const int Gop = 30, Count = 120;
    private const string Plain = "slices=1";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    // How parameter sets are sent, and how lost packets are repaired.
    [InlineData("always", "None")]
    [InlineData("always", "OnAnotherStream")]
    [InlineData("always", "OnTheStream")]
    [InlineData("once", "None")]
    [InlineData("once", "OnAnotherStream")]
    [InlineData("once", "OnTheStream")]
    [InlineData("described", "None")]
    [InlineData("described", "OnTheStream")]
    [InlineData("described and changed", "None")]
    public async Task After_a_packet_that_is_lost_for_good_the_picture_comes_back_with_the_next_key_frame(string sets, string repairs)
    {
        var units = await H264Async(Plain);
        var parameters = sets.StartsWith("described", StringComparison.Ordinal)
            ? $";sprop-parameter-sets={string.Join(',', units[0].Where(IsSet).Select(Convert.ToBase64String))}" : "";
        if (sets == "described and changed")
        {
            // The sets in the description are for another picture size: the latest ones in the stream take precedence.
            units = await H264Async(Plain, "160x96");
            units = [units[0], .. units[1..].Select(u => u.Where(n => !IsSet(n)).ToList())];
        }
        else if (sets != "always")
        {
            units = [.. units.Select((u, i) => i == 0 && sets == "once" ? u : u.Where(n => !IsSet(n)).ToList())];
        }
        var packets = ForeignPackets.OfH264(units);
        var clean = Clean(VideoCodec.H264, packets, parameters);
        Assert.Equal(Count, clean.Count);

        using var call = new IncomingVideo(VideoCodec.H264, Enum.Parse<Repairs>(repairs), parameters);
        call.Gone = p => p.Stamp == Stamp(10) || p.Stamp == Stamp(40);
        call.Lost = p => p.Stamp == Stamp(70) && p.Marker;
        call.Play(packets);

        // Pictures that depend on the lost one are lost, too; a picture that is repaired late is not.
        AssertShown(call, clean, [.. Range(0, 9), .. Range(30, 39), .. Range(60, repairs == "None" ? 69 : 89), .. Range(90, Count - 1)]);
        Assert.InRange(call.PictureLossIndications, 1, 12);
    }

    [Fact]
    public async Task A_key_frame_whose_parameter_sets_were_lost_waits_for_them_when_they_come_in_the_stream()
    {
        // Both encoders use the same ids, so the second one's pictures would decode wrongly with the first one's sets.
        var units = await H264Async(Plain);
        var larger = await H264Async("slices=1:ref=3", "480x180");
        var packets = ForeignPackets.OfH264([.. units[..45], .. larger[..75]]);
        var clean = Clean(VideoCodec.H264, packets);

        using var call = new IncomingVideo(VideoCodec.H264, Repairs.OnAnotherStream);
        call.Gone = p => p.Stamp == Stamp(40);
        call.Lost = p => p.Stamp == Stamp(45) && ForeignPackets.Kind(p.Payload) is 7 or 8;
        call.Play(packets);

        AssertShown(call, clean, [.. Range(0, 39), .. Range(45, Count - 1)]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task Markers_on_each_unit_do_not_tear_pictures(int slices)
    {
        var units = await H264Async($"slices={slices}");
        var clean = Clean(VideoCodec.H264, ForeignPackets.OfH264(units));
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(ForeignPackets.OfH264(units, markAll: true));
        var right = clean.Values.ToHashSet();
        // With several slices, the first picture shows that markers mean nothing here; from the next key frame on, every picture is whole.
        var shown = call.Pictures.Where(p => p.Stamp >= (slices == 1 ? 0 : Stamp(Gop))).ToList();
        Assert.All(shown, p => Assert.Contains(p.Content, right));
        Assert.InRange(shown.Count, (slices == 1 ? Count : Count - Gop) - 1, Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task A_stream_without_key_frames_comes_back_at_its_recovery_point_and_shows_nothing_unfinished(int repeated)
    {
        var units = await H264Async("slices=1:intra-refresh=1", frames: 200);
        Assert.Single(units, u => u.Any(n => ForeignPackets.Kind(n) == 5));
        if (repeated == 0)
            units = [units[0], .. units[1..].Select(u => u.Where(n => !IsSet(n)).ToList())];
        var packets = ForeignPackets.OfH264(units);
        var clean = Clean(VideoCodec.H264, packets);
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Gone = p => p.Stamp == Stamp(40);
        call.Play(packets);
        // A refresh begins every 30 pictures and takes at most as many.
        AssertShown(call, clean, [.. Range(0, 39), .. Range(60 + Gop, 199)], orMore: true);
    }

    [Fact]
    public async Task A_repair_is_waited_for_where_only_a_recovery_point_would_go_on()
    {
        var packets = ForeignPackets.OfH264(await H264Async("slices=1:intra-refresh=1"));
        var clean = Clean(VideoCodec.H264, packets);
        using var call = new IncomingVideo(VideoCodec.H264, Repairs.OnAnotherStream);
        call.Lost = p => p.Stamp == Stamp(59);
        call.Play(packets);
        AssertShown(call, clean, [.. Range(0, Count - 1)]);
        Assert.Equal(0, call.Stats.FramesDropped);
    }

    [Theory]
    [InlineData("None", Traits = ["Run", "full"])]
    [InlineData("OnAnotherStream", Traits = ["Run", "full"])]
    [InlineData("OnTheStream")]
    [Trait("Run", "long")]
    public async Task Vp8_comes_back_after_a_loss_as_well(string repairs)
    {
        var packets = ForeignPackets.OfVp8(await Vp8Async());
        var clean = Clean(VideoCodec.Vp8, packets);
        using var call = new IncomingVideo(VideoCodec.Vp8, Enum.Parse<Repairs>(repairs));
        call.Gone = p => p.Stamp == Stamp(40);
        call.Lost = p => p.Stamp == Stamp(70) && p.Marker;
        call.Play(packets);
        AssertShown(call, clean, [.. Range(0, 39), .. Range(60, repairs == "None" ? 69 : 89), .. Range(90, Count - 1)]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    public async Task Slow_and_fast_streams_are_repaired_alike(int framesPerSecond)
    {
        var packets = ForeignPackets.OfH264(await H264Async(Plain), step: (uint)(90_000 / framesPerSecond));
        var clean = Clean(VideoCodec.H264, packets);
        using var call = new IncomingVideo(VideoCodec.H264, Repairs.OnTheStream);
        // A loss at the very end would not be noticed, since nothing follows it.
        var every = packets.Where((p, i) => i % 17 == 16 && p.Stamp != packets[^1].Stamp).ToHashSet();
        call.Lost = every.Contains;
        call.Play(packets, framesPerSecond);
        // A complete key frame does not wait for earlier packets, which it makes unnecessary.
        Assert.InRange(call.Pictures.Count, framesPerSecond == 1 ? Count : Count - Count / Gop, Count);
        Assert.All(call.Pictures, p => Assert.Equal(clean[p.Stamp], p.Content));
    }

    [Fact]
    public async Task Numbers_and_times_wrap_in_spite_of_loss()
    {
        var packets = ForeignPackets.OfH264(await H264Async(Plain), sequence: 65_500, stamp: uint.MaxValue - 41 * 3000);
        Assert.Contains(packets, p => p.Sequence == 0);
        var clean = Clean(VideoCodec.H264, packets);
        using var call = new IncomingVideo(VideoCodec.H264, Repairs.OnAnotherStream);
        call.Lost = p => p.Sequence is >= 65_530 or 0 or 3 || p.Stamp < 6000;
        call.Play(packets);
        Assert.Equal(Count, call.Pictures.Count);
        Assert.All(call.Pictures, p => Assert.Equal(clean[p.Stamp], p.Content));
    }

    [Theory]
    [InlineData("always")]
    [InlineData("once")]
    public async Task A_sender_that_goes_on_under_another_ssrc_is_followed_at_once(string sets)
    {
        var units = await H264Async(Plain);
        if (sets == "once")
            units = [units[0], .. units[1..].Select(u => u.Where(n => !IsSet(n)).ToList())];
        var packets = ForeignPackets.OfH264(units);
        var clean = Clean(VideoCodec.H264, packets);
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(packets.Where(p => p.Stamp < Stamp(60)), settle: 13);
        call.Ssrc = 99;
        // Another source starts with another sequence number.
        call.Play(packets.Where(p => p.Stamp >= Stamp(60)).Select(p => p with { Sequence = (ushort)(p.Sequence + 30_000) }));
        AssertShown(call, clean, [.. Range(0, Count - 1)]);
        Assert.True(call.Pictures[60].At - call.Pictures[59].At < 100);
    }

    [Theory]
    [InlineData("None", false)]
    [InlineData("OnTheStream", false)]
    [InlineData("OnTheStream", true)]
    public async Task Redundancy_that_was_not_agreed_on_is_no_loss(string repairs, bool loses)
    {
        // A packet of redundancy after every third packet of the stream, within pictures and between them, numbered as by senders with FEC.
        var packets = new List<SentPacket>();
        foreach (var (i, packet) in ForeignPackets.OfH264(await H264Async(Plain)).Index())
        {
            packets.Add(packet with { Sequence = (ushort)(1000 + packets.Count) });
            if (i % 3 == 2)
                packets.Add(new SentPacket((ushort)(1000 + packets.Count), packet.Stamp, packet.Marker, [116, 1, 2, 3, 4, 5, 6, 7],
                    PayloadType: 117));
        }
        var clean = Clean(VideoCodec.H264, packets.Where(p => p.PayloadType == 96)
            .Select((p, i) => p with { Sequence = (ushort)(1000 + i) }).ToList());
        using var call = new IncomingVideo(VideoCodec.H264, Enum.Parse<Repairs>(repairs));
        call.Lost = p => loses && p.Sequence % 20 == 7;
        call.Play(packets);
        // A complete key frame does not wait for earlier packets, which it makes unnecessary.
        AssertShown(call, clean, [.. Range(0, Count - 1).Where(i => !loses || i % Gop != Gop - 1)], orMore: loses);
        Assert.Equal((loses, 0L), (call.Stats.NacksSent > 0, call.Stats.VideoPacketsLost));
        Assert.InRange(call.Stats.FramesDropped, 0, loses ? Count / Gop : 0);
        Assert.InRange(call.PictureLossIndications, 0, loses ? 3 : 1);
    }

    [Fact]
    public async Task A_change_of_size_and_profile_in_mid_stream_is_followed()
    {
        var packets = ForeignPackets.OfH264([
            .. (await H264Async("slices=1:cabac=0", "320x180"))[..45], .. (await H264Async("slices=1:8x8dct=1:bframes=0", "640x360"))[..45],
            .. (await H264Async(Plain, "180x320"))[..30]]);
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(packets);
        Assert.Equal(Count, call.Pictures.Count);
        Assert.Equal([(320, 180), (640, 360), (180, 320)], call.Pictures.Select(p => (p.Width, p.Height)).Distinct());
        Assert.Null(call.Decoder.Trouble);
    }

    [Theory]
    [InlineData("yuv444p", "high444", "4:4:4, 8 bit")]
    [InlineData("yuv422p", "high422", "4:2:2, 8 bit")]
    [InlineData("yuv420p10le", "high10", "4:2:0, 10 bit")]
    public async Task What_cannot_be_decoded_is_named_and_no_key_frame_is_asked_for(string pixels, string profile, string words)
    {
        var packets = ForeignPackets.OfH264(await H264Async(Plain, "320x180", profile, pixels));
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(packets);
        Assert.Empty(call.Pictures);
        Assert.True(call.Decoder.Hopeless);
        Assert.Contains(words, call.Decoder.Trouble, StringComparison.Ordinal);
        Assert.Contains("Send 4:2:0 with 8 bits", call.Decoder.Trouble, StringComparison.Ordinal);
        Assert.Equal(0, call.PictureLossIndications);

        // The sender's settings are corrected while it keeps sending.
        call.Play(ForeignPackets.OfH264(await H264Async(Plain), packets[^1].Sequence + 1, packets[^1].Stamp + 3000));
        Assert.Equal((Count, null, false), (call.Pictures.Count, call.Decoder.Trouble, call.Decoder.Hopeless));
    }

    [Fact]
    public async Task A_picture_beyond_the_limits_is_named()
    {
        var packets = ForeignPackets.OfH264(await H264Async(Plain, "8320x64", frames: 2));
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(packets);
        Assert.Contains("8320x64", call.Decoder.Trouble, StringComparison.Ordinal);
        Assert.True(call.Decoder.Hopeless);
    }

    [Theory]
    [InlineData("interlaced=1", true)]
    [InlineData("fake-interlaced=1", false)]
    public async Task Interlaced_pictures_are_shown_and_named(string coding, bool named)
    {
        var packets = ForeignPackets.OfH264(await H264Async($"slices=1:{coding}", "320x192"));
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Play(packets);
        Assert.Equal(Count, call.Pictures.Count);
        Assert.Equal(named, call.Decoder.Trouble?.Contains("interlaced", StringComparison.Ordinal) ?? false);
        Assert.False(call.Decoder.Hopeless);
    }

    [Fact]
    public async Task A_sender_that_makes_no_key_frame_is_asked_ever_less_often_and_in_both_ways()
    {
        var units = await H264Async("slices=1:keyint=infinite", frames: 900);
        var packets = ForeignPackets.OfH264(units);
        using var call = new IncomingVideo(VideoCodec.H264);
        call.Gone = p => p.Stamp == Stamp(10);
        call.Play(packets);
        // In 30 s, a request every 200 ms would make 150.
        Assert.InRange(call.PictureLossIndications, 8, 18);
        Assert.InRange(call.FullIntraRequests, 4, 14);
        Assert.Equal(10, call.Pictures.Count);
    }

    private static bool IsSet(byte[] unit) => ForeignPackets.Kind(unit) is 7 or 8;

    private static uint Stamp(int picture) => 90_000 + (uint)picture * 3000;

    private static IEnumerable<int> Range(int first, int last) => Enumerable.Range(first, Math.Max(0, last - first + 1));

    /// <summary>The correct pictures, by timestamp.</summary>
    private static Dictionary<uint, ulong> Clean(VideoCodec codec, List<SentPacket> packets, string parameters = "")
    {
        using var call = new IncomingVideo(codec, parameters: parameters);
        call.Play(packets);
        return call.Pictures.ToDictionary(p => p.Stamp, p => p.Content);
    }

    private static void AssertShown(IncomingVideo call, Dictionary<uint, ulong> clean, int[] expected, bool orMore = false)
    {
        Assert.All(call.Pictures, p => Assert.Equal(clean[p.Stamp], p.Content));
        var shown = call.Pictures.Select(p => (int)(p.Stamp - Stamp(0)) / 3000).ToArray();
        Assert.Equal(shown.Order().Distinct(), shown);
        if (orMore)
            Assert.Subset(shown.ToHashSet(), expected.ToHashSet());
        else
            Assert.Equal(expected, shown);
    }

    private async Task<List<List<byte[]>>> H264Async(
        string coding, string size = "320x180", string profile = "high", string pixels = "yuv420p", int frames = Count)
    {
        var path = await files.MakeAsync(
            $"{coding.Replace(':', '-')}-{size}-{profile}-{frames}.h264", "-f", "lavfi", "-i", $"testsrc2=s={size}:r=30", "-frames:v",
            $"{frames}", "-pix_fmt", pixels,
            "-c:v", "libx264", "-profile:v", profile, "-preset", "ultrafast", "-threads", "1", "-bf", "0",
            "-x264-params", $"keyint={Gop}:min-keyint=1:scenecut=0:sliced-threads=0:aud=1:{coding}");
        return ForeignPackets.AccessUnits(await File.ReadAllBytesAsync(path, Cancel));
    }

    private async Task<byte[]> Vp8Async() => await File.ReadAllBytesAsync(
        await files.MakeAsync(
            "plain.ivf", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-frames:v", $"{Count}", "-pix_fmt", "yuv420p",
            "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-auto-alt-ref", "0", "-lag-in-frames", "0", "-g", $"{Gop}",
            "-keyint_min", $"{Gop}", "-b:v", "500k"), Cancel);
}
