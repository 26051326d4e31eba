using TrueLive.Fuzz.Targets;

namespace TrueLive.Fuzz;

/// <summary>Gives one hostile input to one parser. Any exception is a finding.</summary>
public delegate void FuzzAction(ReadOnlySpan<byte> input);

/// <summary>A parser under test.</summary>
/// <param name="Name">Name on the command line, and of the corpus folder.</param>
/// <param name="Run">Runs one input.</param>
/// <param name="Inputs">Inputs of a bounded run: about 2 s on an idle core.</param>
/// <param name="MaxAllocated">Most bytes that one input may make the calling thread allocate.</param>
public sealed record FuzzTarget(string Name, FuzzAction Run, int Inputs, long MaxAllocated = 4 << 20)
{
    /// <summary>Every parser that takes bytes from outside.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("stun", WireTargets.Stun, 60_000),
        new("ice-candidate", WireTargets.IceCandidate, 40_000),
        new("ice-tcp", WireTargets.TcpFraming, 40_000),
        new("trickle", WireTargets.Trickle, 20_000),
        new("dtls-handshake", DtlsTargets.Handshake, 600),
        new("dtls-client", DtlsTargets.ClientHandshake, 600),
        // Up to 64 datagrams of 16 forged records each; the record layer swallows an exception for every one.
        new("dtls-record", DtlsTargets.Record, 3_000, 32 << 20),
        new("srtp", WireTargets.Srtp, 15_000),
        new("rtp", MediaTargets.Rtp, 3_000),
        new("h264", MediaTargets.H264, 30_000),
        new("h264-head", MediaTargets.H264Beginning, 60_000),
        new("vp8", MediaTargets.Vp8, 30_000),
        new("rtcp", MediaTargets.Rtcp, 3_000),
        new("twcc", MediaTargets.TransportFeedback, 3_000),
        new("sdp-offer", WireTargets.SdpOffer, 3_000),
        new("sdp-answer", WireTargets.SdpAnswer, 3_000),
        new("sctp", SctpTargets.Packets, 4_000),
        new("dcep", SctpTargets.ChannelMessages, 4_000),
        new("control", ServerTargets.Control, 1_500),
        new("jpeg-socket", ServerTargets.JpegMessages, 1_500, 16 << 20),
        new("manifest", FileTargets.Manifest, 3_000),
        new("network", FileTargets.Network, 2_000, 64 << 20),
        new("words", FileTargets.Words, 20_000),
        new("tokenizer", FileTargets.Tokenizer, 3_000, 16 << 20),
        new("scheduler", FileTargets.Scheduler, 8_000),
        new("prompt", FileTargets.PromptText, 8_000),
        new("schedule", FileTargets.Schedule, 20_000),
        new("media-file", FileTargets.MediaFile, 20_000),
        new("zip", DecoderTargets.Zip, 3_000),
        // A picture takes memory for its pixels, of which a few bytes may declare 9.4 million.
        new("jpeg", DecoderTargets.Jpeg, 3_000, 64 << 20),
        new("h264-decode", DecoderTargets.H264, 400, 64 << 20),
        new("vp8-decode", DecoderTargets.Vp8, 400, 64 << 20),
        new("decode-answer", DecoderTargets.Answer, 10_000),
        new("keys", KeptTargets.Keys, 3_000),
        new("link", KeptTargets.Link, 10_000),
        new("journal", KeptTargets.Journal, 3_000),
        new("clip-work", KeptTargets.Work, 3_000),
        new("upload", KeptTargets.Upload, 3_000),
        new("reference-picture", KeptTargets.Reference, 20_000),
        new("interactive", ServerTargets.Interactive, 300),
        new("clip-service", ProbeTargets.ClipService, 2_000, 32 << 20),
        new("clip-answer", ProbeTargets.ClipAnswer, 10_000),
        new("probe-page", ProbeTargets.Page, 3_000),
        new("probe-progress", ProbeTargets.Progress, 3_000),
        new("web-picture", FileTargets.WebPicture, 10_000),
        new("requirement", FileTargets.Requirement, 2_000, 32 << 20),
        new("config", FileTargets.Configuration, 2_000, 32 << 20),
        new("observation", FileTargets.Observation, 3_000, 16 << 20),
        new("report", FileTargets.Report, 4_000),
        new("stream-address", StreamTargets.Address, 20_000),
        new("hls-playlist", StreamTargets.Playlist, 10_000),
        // A tag of 16 MiB needs room for it.
        new("flv", StreamTargets.Flv, 3_000, 48 << 20),
        // A connection has its buffers, and a message of 4 MiB grows into one in steps.
        new("rtmp", StreamTargets.Publisher, 3_000, 24 << 20),
        new("worker", WorkerTargets.Messages, 20_000),
        new("hub", HubTargets.Listing, 5_000),
        new("pulled", HubTargets.Pulled, 2_000),
        // A report may name a thousand sessions, each of which takes more memory as an object than as text.
        new("fleet-link", FleetTargets.LinkMessages, 10_000, 16 << 20),
        new("session-parcel", FleetTargets.Parcel, 10_000, 16 << 20),
        new("ticket", FleetTargets.Ticket, 10_000),
    ];

    /// <summary>The target with a name.</summary>
    /// <exception cref="ArgumentException">No target has this name.</exception>
    public static FuzzTarget Named(string name) =>
        All.FirstOrDefault(t => t.Name == name)
            ?? throw new ArgumentException($"No target is called '{name}'. The targets are: {string.Join(", ", All.Select(t => t.Name))}.");

    /// <summary>Splits an input into packets: each is preceded by its length in two bytes; the last one takes the rest.</summary>
    internal static List<byte[]> Packets(ReadOnlySpan<byte> input)
    {
        var packets = new List<byte[]>();
        while (input.Length > 2 && packets.Count < 64)
        {
            var length = Math.Min((input[0] << 8) | input[1], input.Length - 2);
            packets.Add(input.Slice(2, length).ToArray());
            input = input[(2 + length)..];
        }

        return packets;
    }
}
