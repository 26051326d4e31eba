using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using TrueLive.Core.Frames;
using TrueLive.Fuzz.Targets;
using TrueLive.Media.Codecs;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Features;
using TrueLive.Probe;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Simulation;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Verdicts;
using TrueLive.WebRtc.Congestion;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Rtcp;
using TrueLive.WebRtc.Packets;
using TrueLive.WebRtc.Rtp;
using TrueLive.WebRtc.Sdp;
using TrueLive.WebRtc.Srtp;
using TrueLive.WebRtc.Stun;
using TrueLive.WebRtc.Timing;

namespace TrueLive.Fuzz;

/// <summary>Writes the seeds that our own code can make: what it really sends. Text seeds are written by hand.</summary>
internal static class Seeds
{
    private static readonly byte[] AccessUnit = [0, 0, 0, 1, 0x67, 0x42, 0xC0, 0x1F, 0x8C, 0x68, 0, 0, 0, 1, 0x68, 0xCE, 0x3C, 0x80, 0, 0,
        0, 1, 0x65, 0x88, .. Enumerable.Repeat((byte)0x5A, 2600)];

    public static void Write(string folder)
    {
        void Save(string target, string name, ReadOnlySpan<byte> bytes)
        {
            Directory.CreateDirectory(Path.Combine(folder, target));
            File.WriteAllBytes(Path.Combine(folder, target, name), bytes);
        }

        Save("stun", "request",
            Convert.FromHexString(
            "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"));
        Save("stun", "response-v4", Stun(IPEndPoint.Parse("192.0.2.1:32853")));
        Save("stun", "response-v6", Stun(IPEndPoint.Parse("[2001:db8::7]:9000")));
        Save("ice-tcp", "datagrams",
            Join([Stun(IPEndPoint.Parse("192.0.2.1:32853")), [], [22, 1, 2, 3], new byte[2047], [0x80, 96, 0, 1]]));
        Dtls(Save);
        Srtp(Save);
        Rtp(Save);
        var link = new SctpTargets.Link();
        var channel = link.Client.Open("control", true, null, link.Now);
        link.Deliver();
        link.Client.Send(channel, "hello"u8, isText: true, link.Now);
        link.Client.Send(link.Client.Open("lossy", false, 3, link.Now), new byte[3000], isText: false, link.Now);
        link.Deliver();
        link.Client.Close(channel, link.Now);
        link.Deliver();
        foreach (var packet in link.ToServer)
        {
            SctpTargets.Renumber(packet, ~link.ClientTsn + 1, ~link.ServerTsn + 1, 0);
        }

        Save("sctp", "session", Join([.. link.ToServer]));
        Save("sctp", "start", Join([.. link.ToServer.Take(2)]));
        Save("sctp", "fragments-without-a-beginning", Join([Flood(0, 0, 0), Flood(0, 0, 0, first: 3000)]));
        Save("sctp", "messages-that-wait", Join([Flood(3, 1, 1), Flood(3, 1, 2, first: 3000), Flood(7, 0, 1024, first: 6000)]));
        Save("sctp", "holes", Join([Flood(3, 1, 1, step: 2), Flood(7, 0, 1, step: 3, first: 8000)]));
        Save("dcep", "open",
            Join([[4, 50, 3, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, .. "name"u8], [4, 51, .. "text"u8], [4, 53, 1, 2, 3], [4, 56, 0],
            [4, 57, 0]]));
        Save("dcep", "kinds",
            Join([[6, 50, 3, 0x81, 0, 0, 0, 0, 0, 3, 0, 1, 0, 1, .. "ab"u8], [8, 50, 3, 0x82, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0], [1, 50, 2],
            [6, 51, .. "x"u8]]));
        Save("sdp-offer", "ours.sdp", Encoding.UTF8.GetBytes(new SdpOffer(new MediaPreferences(), WireTargets.Local).Text));
        SdpNegotiation.Answer(new SdpOffer(new MediaPreferences(), WireTargets.Local).Text, new MediaPreferences(), WireTargets.Local,
            out var answer);
        Save("sdp-answer", "ours.sdp", Encoding.UTF8.GetBytes(answer));
        Jpeg(Save);
        Save("network", "layers", FileTargets.SmallNetwork());
        Save("tokenizer", "clip", Join([
            """{"i":0,"n":1,"k</w>":2,"in":3,"ink</w>":4,"e":5,"o</w>":6,"<|startoftext|>":7,"<|endoftext|>":8}"""u8.ToArray(),
            "#version: 0.2\ni n\nin k</w>\n"u8.ToArray(),
            """{"pad_token":{"content":"<|endoftext|>"}}"""u8.ToArray()]));
        Save("tokenizer", "whole", Join([[], [], """{"model_max_length":Infinity}"""u8.ToArray(), """{"pad_token":"i"}"""u8.ToArray(), [..
            """{"model":{"vocab":{"i":0,"n":1,"k</w>":2,"in":3,"ink</w>":4,"<|startoftext|>":7,"<|endoftext|>":8}"""u8,
            .. ""","merges":["i n",["in","k</w>"]]}}"""u8]]));
        Save("words", "four", FileTargets.WordTableOf("ink", "neon", "blue", "film"));
        Save("observation", "short", Observed());
        Save("report", "simulated", Reported());
    }

    /// <summary>An SCTP packet of many DATA chunks of one byte, to be continued 60 times.</summary>
    private static byte[] Flood(byte flags, int sequence, ushort stream, int step = 1, int first = 0)
    {
        var packet = new byte[12 + 50 * 20];
        (packet[0], packet[7]) = (60, 1);
        for (var i = 0; i < 50; i++)
        {
            var chunk = packet.AsSpan(12 + i * 20);
            (chunk[1], chunk[3]) = (flags, 17);
            BinaryPrimitives.WriteInt32BigEndian(chunk[4..], first + i * step);
            BinaryPrimitives.WriteUInt16BigEndian(chunk[8..], stream);
            BinaryPrimitives.WriteUInt16BigEndian(chunk[10..], (ushort)(sequence + i));
            BinaryPrimitives.WriteInt32BigEndian(chunk[12..], 51);
        }

        return packet;
    }

    private static byte[] Stun(IPEndPoint address)
    {
        var writer = new StunWriter(new byte[StunMessage.MaxLength], StunClass.Success, new byte[12]);
        writer.MappedAddress(address);
        return writer.Finish("VOkJxbRl1RmTxUk/WvJxBt"u8).ToArray();
    }

    /// <summary>What a client sends during a whole handshake and after it.</summary>
    private static void Dtls(SaveSeed save)
    {
        var (ours, theirs) = (DtlsCertificate.Create(DateTimeOffset.UnixEpoch.AddYears(60)),
            DtlsCertificate.Create(DateTimeOffset.UnixEpoch.AddYears(60)));
        var (said, answered) = (new List<byte[]>(), new List<byte[]>());
        var client = new DtlsSession(true, theirs, ours.Fingerprint, d => said.Add(d.ToArray()));
        var server = new DtlsSession(false, ours, theirs.Fingerprint, _ => { });
        var answering = new Thread(() => server.Handshake(d =>
        {
            answered.Add(d.ToArray());
            client.Receive(d, _ => { });
        }));
        answering.Start();
        var transport = client.Handshake(d =>
        {
            said.Add(d.ToArray());
            server.Receive(d, _ => { });
        }).Transport;
        answering.Join();
        save("dtls-handshake", "hello", Join([said[0]]));
        save("dtls-handshake", "flights", Join([.. said]));
        save("dtls-client", "hello", Join([answered[0]]));
        save("dtls-client", "flights", Join([.. answered]));
        said.Clear();
        client.Open(transport!);
        client.Send("application data"u8);
        client.Close();
        save("dtls-record", "data-and-close", Join([.. said]));
        save("dtls-record", "clear-alert",
            Join([[21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 2, 40], [20, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 10, 0, 1, 1]]));
    }

    private static void Srtp(SaveSeed save)
    {
        foreach (var profile in new[] { SrtpProfile.AeadAes128Gcm, SrtpProfile.Aes128CmHmacSha1_80 })
        {
            using var session = new SrtpSession(SrtpKeys.FromMaterial(profile, new byte[SrtpKeys.MaterialLength(profile)], client: false));
            byte[] rtp = [0x90, 0x60, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9, 0xBE, 0xDE, 0, 1, 0x31, 0, 1, 0, 1, 2, 3, 4, .. new byte[32]];
            save("srtp", $"rtp-{profile}", rtp.AsSpan(0, session.ProtectRtp(rtp, rtp.Length - 32)));
            byte[] rtcp = [0x80, 201, 0, 1, 0, 0, 0, 9, .. new byte[32]];
            save("srtp", $"rtcp-{profile}", rtcp.AsSpan(0, session.ProtectRtcp(rtcp, 8)));
        }
    }

    private static void Rtp(SaveSeed save)
    {
        foreach (var codec in new[] { VideoCodec.H264, VideoCodec.Vp8 })
        {
            var preferences = new MediaPreferences { Codecs = [codec] };
            var offer = new SdpOffer(preferences, WireTargets.Local);
            SdpNegotiation.Answer(offer.Text, preferences, WireTargets.Local, out var answer);
            var (rtp, rtcp) = (new List<byte[]>(), new List<byte[]>());
            var clock = new Clock(TimeProvider.System);
            var now = clock.Now;
            using var session = new RtpSession(offer.Complete(answer), new RtpSessionOptions(), clock, now);
            session.SendVideo(new EncodedFrame
            {
                Codec = codec,
                Data = codec == VideoCodec.H264 ? AccessUnit : [0x10, .. Enumerable.Repeat((byte)7, 2500)],
                RtpTime = 3000,
                KeyFrame = true,
                Colour = new ColourSpace(ColourMatrix.Bt709, true)
            }, now);
            session.SendAudio([0x78, 1, 2, 3], 960, now);
            session.Tick(now + TimeSpan.FromSeconds(1));
            session.SendBye(now + TimeSpan.FromSeconds(1));
            while (session.TryTake(out QueuedPacket<RtpPacketKind> packet))
                (packet.About == RtpPacketKind.Rtcp ? rtcp : rtp).Add(packet.Bytes.ToArray());
            save("rtp", codec.ToString(), Join([.. rtp]));
            save("rtcp", $"reports-{codec}", Join([.. rtcp]));
            // The byte before a payload advances the sequence number: 0x40 by one, 0xC0 by one with the marker.
            var payloads = rtp.Where(p => (p[1] & 0x7F) != 111)
                .Select((p, i) => RtpPacket.TryParse(p, out var packet) ? packet.Payload.ToArray() : []).ToArray();
            save(codec == VideoCodec.H264 ? "h264" : "vp8", "frame", Join(payloads));
            save(codec == VideoCodec.H264 ? "h264" : "vp8", "in-sequence",
                Join([.. payloads.Select((p, i) => (byte[])[(byte)(i == payloads.Length - 1 ? 0xC0 : 0x40), .. p])]));
        }

        var buffer = new byte[1400];
        var writer = new RtcpWriter(buffer);
        writer.ReceiverReport(5, [new ReportBlock(0x1111_1111, 20, 3, 70_000, 90, 1, 1)]);
        writer.Nack(5, 0x1111_1111, [1, 2, 9, 400]);
        writer.Pli(5, 0x1111_1111);
        writer.Fir(5, 0x1111_1111, 1);
        save("rtcp", "feedback",
            Join([buffer[..writer.Length], Convert.FromHexString("8FCE0005000000050000000052454D42010EA9C311111111")]));
        var log = new ArrivalLog();
        for (ushort i = 0; i < 300; i++)
        {
            if (i % 7 != 3)
            {
                log.Add(i, new Instant(10_000_000 + i * 1700L + (i % 40 == 0 ? 90_000 : 0)));
            }
        }

        writer = new RtcpWriter(buffer);
        log.Write(ref writer, 5, 0x1111_1111);
        save("twcc", "three-hundred", Join([buffer[..writer.Length]]));
        save("rtcp", "transport-feedback", Join([buffer[..writer.Length]]));
    }

    private static void Jpeg(SaveSeed save)
    {
        using var codec = new JpegCodec();
        using var frame = new FramePool("seed").Rent(32, 24);
        for (var i = 0; i < frame.Y.Length; i++)
        {
            frame.Y[i] = (byte)(i * 5);
        }

        frame.U.Fill(90);
        frame.V.Fill(160);
        var jpeg = codec.Encode(frame, 60).ToArray();
        save("jpeg-socket", "pictures",
            Join([[0x54, 0x4C, 1, 1, 0, 0, 0, 1, .. jpeg], [0x54, 0x4C, 1, 2, 0, 0, 0, 0], [0x54, 0x4C, 1, 1, 0, 0, 11, 184, .. jpeg]]));
    }

    private static byte[] Observed()
    {
        var seen = new Observation();
        seen.Sent.AddRange([0, 0.033, 0.066]);
        seen.PromptSent.Add(0.05);
        var picture = Picture.ForAnalysis();
        seen.Add(0.1, picture);
        seen.Add(0.133, picture);
        using var packed = new MemoryStream();
        ObservationFile.Write(seen, packed);
        packed.Position = 0;
        using var plain = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionMode.Decompress))
        {
            gzip.CopyTo(plain);
        }

        return plain.ToArray();
    }

    private static byte[] Reported()
    {
        using var run = new SimulatedRun(SimulatedSystem.StreamOf(0.123), "relief", ProbeSeed.From("fuzz seed"));
        run.Plan.Append(PhaseKind.Warmup, 2);
        run.Plan.Append(PhaseKind.Fast, 12);
        run.Advance(CancellationToken.None);
        var found = ProbeAnalysis.Analyse(run.Plan, run.Seen, new AnalysisEffort(16, 1, true));
        var about = new RunSection
        {
            Id = "20260101-000000-ab",
            Utc = DateTimeOffset.UnixEpoch,
            Profile = "quick",
            Validity = "VALID",
            Evidence = "E1",
            Target = "simulated",
            Version = "0",
            Commitment = "00",
            Configuration = "-",
        };
        var report = RunFolder.Report(about, run.Plan, found, DecisionRules.Judge(found, new RunQuality()));
        return JsonSerializer.SerializeToUtf8Bytes(report, ProbeReport.Json);
    }

    private static byte[] Join(params IReadOnlyList<byte[]> packets)
    {
        var bytes = new List<byte>();
        foreach (var packet in packets)
        {
            bytes.AddRange([(byte)(packet.Length >> 8), (byte)packet.Length]);
            bytes.AddRange(packet);
        }

        return [.. bytes];
    }

    private delegate void SaveSeed(string target, string name, ReadOnlySpan<byte> bytes);
}
