using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;

namespace TrueLive.Server.Configuration;

/// <summary>
/// Every setting of the server, in one place. A property <c>WebrtcPort</c> is <c>webrtc_port</c> in the file, <c>TRUELIVE_WEBRTC_PORT</c>
/// in the environment and <c>--webrtc-port</c> on the command line; the later of these wins. Lists are separated by commas.
/// </summary>
public sealed class ServerOptions
{
    /// <summary>Address that the web server and the media port listen on.</summary>
    [Category(OptionUse.Both)]
    [Description("Address to listen on, with the web server and the media port. Anything but a loopback address needs TLS and an API " +
        "key, or --insecure.")]
    [Required]
    public string Host { get; set; } = "127.0.0.1";

    /// <summary>TCP port of the web server; 0 takes any free one.</summary>
    [Category(OptionUse.Both)]
    [Description("TCP port of the web server; 0 takes any free one.")]
    [Range(0, 65535)]
    public int Port { get; set; } = 8080;

    /// <summary>Port of WebRTC, UDP and TCP alike; 0 takes any free one.</summary>
    [Description("Port of WebRTC, UDP and TCP alike; 0 takes any free one.")]
    [Range(0, 65535)]
    public int WebrtcPort { get; set; } = 8189;

    /// <summary>Path prefix that a reverse proxy adds, such as <c>/truelive</c>; empty for none.</summary>
    [Description("What a reverse proxy puts before every path, such as /truelive; whether the proxy strips it or not. Empty for none.")]
    [RegularExpression("^(/[A-Za-z0-9._~-]+)*$")]
    public string PathPrefix { get; set; } = "";

    /// <summary>Addresses announced to WebRTC clients; empty announces every address of this machine.</summary>
    [Description("Addresses announced to WebRTC clients, for a machine behind NAT: IP addresses, names that DNS knows, and 'local' for " +
        "the machine's own beside them. Empty announces the machine's own.")]
    public string[] WebrtcAddresses { get; set; } = [];

    /// <summary>Media over UDP.</summary>
    [Description("Media over UDP. Turn it off to force the TCP fallback.")]
    public bool WebrtcUdp { get; set; } = true;

    /// <summary>Media over TCP for networks that block UDP.</summary>
    [Description("Media over TCP (ICE-TCP) for networks that block UDP.")]
    public bool WebrtcTcp { get; set; } = true;

    /// <summary>PEM certificate chain for HTTPS.</summary>
    [Category(OptionUse.Both)]
    [Description("PEM certificate chain for HTTPS.")]
    public string? TlsCertificate { get; set; }

    /// <summary>PEM private key for HTTPS.</summary>
    [Category(OptionUse.Both)]
    [Description("PEM private key for HTTPS.")]
    public string? TlsKey { get; set; }

    /// <summary>HTTPS with a certificate that the server makes and keeps in the data folder.</summary>
    [Category(OptionUse.Both)]
    [Description("HTTPS with a certificate that the server makes and keeps in the data folder. Browsers ask before they trust it.")]
    public bool TlsSelfMade { get; set; }

    /// <summary>
    /// Keys that clients send as <c>Authorization: Bearer</c> or <c>X-Api-Key</c> and that permit everything; named ones are made with
    /// <c>truelive keys</c>.
    /// </summary>
    [Category(OptionUse.Both)]
    [Description("Keys that clients show as 'Authorization: Bearer KEY' or 'X-Api-Key: KEY' and that open everything; each at least 16 " +
        "characters. 'truelive keys create' makes named ones that open less.")]
    public string[] ApiKeys { get; set; } = [];

    /// <summary>Origins of pages that may use this server besides its own.</summary>
    [Category(OptionUse.Both)]
    [Description("Origins of pages that may use this server besides its own, such as https://studio.example.org, also that of its own " +
        "page behind a proxy. Empty: none without keys, every one with them.")]
    public string[] Origins { get; set; } = [];

    /// <summary>Reverse proxies whose forwarded client, scheme and host are trusted.</summary>
    [Category(OptionUse.Both)]
    [Description("IP addresses of reverse proxies whose X-Forwarded-For, -Proto and -Host are believed.")]
    public string[] Proxies { get; set; } = [];

    /// <summary>Permits listening beyond loopback without TLS or key.</summary>
    [Category(OptionUse.Both)]
    [Description("Listen off loopback without TLS or key. Everyone who reaches the port can use the machine and see all pictures.")]
    public bool Insecure { get; set; }

    /// <summary>Model that a session gets when it names none.</summary>
    [Description("Model of a session that names none; empty takes the built-in model.")]
    public string Model { get; set; } = "";

    /// <summary>Folder with more ONNX models, each in a folder of its own.</summary>
    [Description("Folder with more ONNX models, each in a folder of its own; empty takes models in the data folder.")]
    public string ModelsFolder { get; set; } = "";

    /// <summary>Memory for models that are loaded when first used.</summary>
    [Description("Memory in MB for models other than the default one, which are loaded when first used: beyond it those unused for the " +
        "longest time are unloaded. 0 takes half of the machine's.")]
    [Range(0, 10_000_000)]
    public int ModelMemoryMb { get; set; }

    /// <summary>
    /// Whether a model with a command is restarted when a file in its folder changes, and offered even when it is broken.
    /// </summary>
    [Description("For authors of models in Python: start a model anew when a file in its folder is changed, and offer it though " +
        "it is broken.")]
    public bool Reload { get; set; }

    /// <summary>Picture size that the model works at when a session names none.</summary>
    [Description("Picture size that the model works at, such as 512x288, when a session names none.")]
    [RegularExpression("^[1-9][0-9]{1,3}x[1-9][0-9]{1,3}$")]
    public string Size { get; set; } = "512x288";

    /// <summary>Threads that one model step uses; 0 takes what fits the machine.</summary>
    [Description("Threads that one model step uses; 0 takes what fits the machine.")]
    [Range(0, 256)]
    public int ModelThreads { get; set; }

    /// <summary>What the graphs of models run on.</summary>
    [Description("What models run on: auto (a GPU where all that one needs is here), cpu, or cuda:N.")]
    [RegularExpression("^(auto|cpu|cuda(:[0-9]{1,2})?)$")]
    public string Device { get; set; } = "auto";

    /// <summary>Whether a GPU's work for diffusion pipelines of one size is recorded once and replayed (CUDA graphs).</summary>
    [Description("Record once what a GPU computes for a diffusion pipeline of one size, and replay it (CUDA graphs). Where a replay makes " +
        "something else, the pipeline runs without. Never tried on a GPU.")]
    public bool CudaGraphs { get; set; }

    /// <summary>Rate that admission plans for.</summary>
    [Description("Frames per second that admission plans for.")]
    [Range(1, 120)]
    public int TargetRate { get; set; } = 30;

    /// <summary>Live sessions at most; 0 takes what the machine was measured to hold.</summary>
    [Description("Live sessions at most; 0 takes what the machine was measured to hold.")]
    [Range(0, 1024)]
    public int MaxSessions { get; set; }

    /// <summary>Seconds that a session is kept for a client that vanished.</summary>
    [Description("Seconds that a session is kept for a client that vanished.")]
    [Range(0, 3600)]
    public int KeepSeconds { get; set; } = 60;

    /// <summary>Minutes after which a session ends; 0 never.</summary>
    [Description("Minutes after which a session ends; 0 never.")]
    [Range(0, 100_000)]
    public int SessionMinutes { get; set; }

    /// <summary>WHEP viewers of one session at most.</summary>
    [Description("Viewers of one session at most.")]
    [Range(0, 1000)]
    public int MaxViewers { get; set; } = 16;

    /// <summary>A frame older than this when its step could begin is dropped.</summary>
    [Description("Milliseconds: a frame older than this when its step could begin is dropped.")]
    [Range(20, 10_000)]
    public int FrameAgeMs { get; set; } = 250;

    /// <summary>Whether each connection's video is decoded in a process of its own.</summary>
    [Description("Decode the video of each live connection (WebRTC's H.264 and VP8, JPEG over the WebSocket) in a process of its own, " +
        "shut in by bubblewrap or Landlock where they work: a crash of a decoder is one session's. Costs some delay and 40 MB each.")]
    public bool IsolateDecoders { get; set; }

    /// <summary>Highest video bitrate sent to a client.</summary>
    [Description("Highest video bitrate sent to a client, in kbit/s.")]
    [Range(100, 100_000)]
    public int MaxKbps { get; set; } = 6000;

    /// <summary>Where the server keeps its certificate and job files.</summary>
    [Category(OptionUse.Both)]
    [Description("Folder where the server keeps its certificate and job files; empty takes $XDG_DATA_HOME/truelive.")]
    public string DataFolder { get; set; } = "";

    /// <summary>Whether this server takes clips (tier 1) and interactive clips (tier 2).</summary>
    [Description("Take uploads, clips (tier 1) and interactive clips (tier 2).")]
    public bool Clips { get; set; } = true;

    /// <summary>PostgreSQL connection string of the clip queue; empty keeps it in the data folder.</summary>
    [Description("PostgreSQL connection string of the clip queue (Host=...;Database=...;Username=...); empty keeps it in a file in the " +
        "data folder. Servers that share a queue share clip_store.")]
    public string ClipDatabase { get; set; } = "";

    /// <summary>Folder of uploads, clips, journals and reference pictures for all servers that share a queue.</summary>
    [Description("Folder of uploads, clips, journals and reference pictures that all servers with the same clip_database reach, such as " +
        "an NFS mount; empty keeps them in the data folder.")]
    public string ClipStore { get; set; } = "";

    /// <summary>Largest upload.</summary>
    [Description("Largest upload, in MB.")]
    [Range(1, 1_000_000)]
    public int ClipUploadMb { get; set; } = 512;

    /// <summary>Longest clip.</summary>
    [Description("Longest video that a clip is made from, in seconds.")]
    [Range(1, 14_400)]
    public int ClipSeconds { get; set; } = 600;

    /// <summary>Disk that the uploads, clips and journals of one key may fill.</summary>
    [Description("Disk that the uploads, clips and journals of one key may fill, in MB.")]
    [Range(1, 10_000_000)]
    public int ClipDiskMb { get; set; } = 4096;

    /// <summary>Clips that one key may have waiting or running.</summary>
    [Description("Clips that one key may have waiting or running.")]
    [Range(1, 10_000)]
    public int ClipOpen { get; set; } = 20;

    /// <summary>Hours after which uploads, results and journals are deleted.</summary>
    [Description("Hours after which uploads, results and journals are deleted.")]
    [Range(1, 8760)]
    public int ClipKeepHours { get; set; } = 24;

    /// <summary>Hosts that a clip's source may be fetched from.</summary>
    [Description("Hosts that a clip's source may be fetched from (example.org, *.example.org); empty fetches none. A host in a private " +
        "network must be named in full.")]
    public string[] ClipUrlHosts { get; set; } = [];

    /// <summary>Hosts that webhooks may go to.</summary>
    [Description("Hosts that webhooks may go to (example.org, *.example.org); empty sends none. A host in a private network must be " +
        "named in full.")]
    public string[] WebhookHosts { get; set; } = [];

    /// <summary>Hosts that clients may have measured.</summary>
    [Description("Hosts that clients may have measured by the probe besides this server (example.org, *.example.org, * for every public " +
        "one). A host in a private network must be named in full. Empty: none, but every one where no keys are asked for on loopback.")]
    public string[] ProbeHosts { get; set; } = [];

    /// <summary>Hosts that streams may come from and go to.</summary>
    [Description("Hosts that streams may come from and go to (cam.example.org, *.example.org, * for every public one). A host in a " +
        "private network must be named in full. Empty: none, but every one where no keys are asked for on loopback.")]
    public string[] StreamHosts { get; set; } = [];

    /// <summary>Ports on which a stream may wait for its sender or its receivers.</summary>
    [Description("Ports on which a stream may wait for its sender or its receivers (rtmp://:1935/..., srt://:9000?mode=listener), such as " +
        "1935,9000; empty allows none, but every one above 1023 where no keys are asked for on loopback.")]
    public string[] StreamPorts { get; set; } = [];

    /// <summary>Folder whose files may be streamed, and into which outputs record.</summary>
    [Description("Folder whose files may be sources of streams (file:NAME), and into which outputs record (file:NAME.mp4); empty " +
        "allows neither.")]
    public string StreamFolder { get; set; } = "";

    /// <summary>Cameras and virtual webcams of this machine that streams may use.</summary>
    [Description("Cameras and virtual webcams of this machine that streams may use, such as /dev/video0; empty allows none.")]
    public string[] StreamDevices { get; set; } = [];

    /// <summary>Disk that the recordings of one key may fill; 0 records nothing.</summary>
    [Description("Disk in MB that the recordings of one key may fill; beyond it the oldest are deleted. 0 records nothing.")]
    [Range(0, 10_000_000)]
    public int RecordingDiskMb { get; set; } = 10_240;

    /// <summary>Hours after which recordings are deleted.</summary>
    [Description("Hours after which recordings are deleted.")]
    [Range(1, 87_600)]
    public int RecordingKeepHours { get; set; } = 168;

    /// <summary>Longest recording.</summary>
    [Description("Longest recording of a live session, in minutes. Sessions are recorded only when a client asks for it.")]
    [Range(1, 100_000)]
    public int RecordingMinutes { get; set; } = 240;

    /// <summary>Whether files, pictures and answers say that AI made them.</summary>
    [Description("Say in clips, recordings, streams, pictures and answers that AI made the pictures (IPTC digital source type). " +
        "/v1/capabilities shows it.")]
    public bool AiMark { get; set; } = true;

    /// <summary>Key that webhooks are signed with.</summary>
    [Description("Key that webhooks are signed with (HMAC-SHA256), at least 16 characters.")]
    public string WebhookSecret { get; set; } = "";

    /// <summary>Interactive clips that may be open at once.</summary>
    [Description("Interactive clips that may be open at once.")]
    [Range(0, 1000)]
    public int InteractiveClips { get; set; } = 4;

    /// <summary>Seconds of a live session that are kept in memory for an interactive clip; 0 keeps none.</summary>
    [Description("Last seconds of each live session that are kept in memory to start an interactive clip from; 0 keeps none.")]
    [Range(0, 20)]
    public int ReplaySeconds { get; set; }

    /// <summary>Longest journal of a live session.</summary>
    [Description("Longest journal of a live session, in seconds. Journals are recorded only when a client asks for one.")]
    [Range(1, 36_000)]
    public int JournalSeconds { get; set; } = 600;

    /// <summary>Largest journal of a live session.</summary>
    [Description("Largest journal of a live session, in MB.")]
    [Range(1, 1_000_000)]
    public int JournalMb { get; set; } = 1024;

    /// <summary>Size at which the audit log begins a new file.</summary>
    [Category(OptionUse.Both)]
    [Description("Where keys are asked for: size in MB at which audit.log in the data folder begins a new file; five are kept. 0 " +
        "keeps none.")]
    [Range(0, 10_000)]
    public int AuditMb { get; set; } = 16;

    /// <summary>Live sessions that a key without a quota of its own may have at a time; 0 sets no limit.</summary>
    [Category(OptionUse.Both)]
    [Description("Live sessions that a key may have at a time, where 'truelive keys quota' says nothing else; 0 sets no limit. In a " +
        "fleet it is set at the front door.")]
    [Range(0, 1_000_000)]
    public int KeySessions { get; set; }

    /// <summary>Minutes a month that a key without a quota of its own may use; 0 sets no limit.</summary>
    [Category(OptionUse.Both)]
    [Description("Minutes of live sessions and clips that a key may use in a calendar month of UTC, where 'truelive keys quota' says " +
        "nothing else; 0 sets no limit. In a fleet it is set at the front door.")]
    [Range(0, 1_000_000_000)]
    public int KeyMinutes { get; set; }

    /// <summary>Days for which it is kept what each key has used.</summary>
    [Category(OptionUse.Both)]
    [Description("Days for which it is kept what each key has used (minutes, pictures, bytes).")]
    [Range(40, 3660)]
    public int UsageKeepDays { get; set; } = 400;

    /// <summary>Least severe messages that are logged.</summary>
    [Category(OptionUse.Both)]
    [Description("Least severe messages that are logged: Debug, Information, Warning or Error.")]
    [RegularExpression("^(?i:Trace|Debug|Information|Warning|Error|Critical|None)$")]
    public string LogLevel { get; set; } = "Information";

    /// <summary>How the log is written.</summary>
    [Category(OptionUse.Both)]
    [Description("How the log is written: text, or json with one object a line.")]
    [RegularExpression("^(text|json)$")]
    public string LogFormat { get; set; } = "text";

    /// <summary>Clients that may wait in line for a place when the server or the fleet is full; 0 refuses them.</summary>
    [Category(OptionUse.Both)]
    [Description("Clients that may wait in line for a live session when the server, or the fleet behind a control node, is full. 0 " +
        "refuses them at once.")]
    [Range(0, 1000)]
    public int Queue { get; set; }

    /// <summary>As many of one API key, or of one address where no keys are asked for.</summary>
    [Category(OptionUse.Both)]
    [Description("How many of those in line may be of one API key, or of one address where no keys are asked for.")]
    [Range(1, 1000)]
    public int QueuePerClient { get; set; } = 16;

    /// <summary>Minutes that each may wait.</summary>
    [Category(OptionUse.Both)]
    [Description("Minutes after which a client that still waits in line loses its position.")]
    [Range(1, 1440)]
    public int QueueMinutes { get; set; } = 30;

    /// <summary>Address of the front door of the fleet that this server is a worker of; empty for a standalone server.</summary>
    [Category(OptionUse.Serve)]
    [Description("Address of a fleet's front door, such as https://live.example.org: the server becomes a worker there and takes " +
        "requests from it alone. Empty for a server of its own.")]
    [RegularExpression("^(https?://[^ /?#]+)?$")]
    public string Join { get; set; } = "";

    /// <summary>Key of this worker, as <c>truelive fleet keys create</c> made it.</summary>
    [Category(OptionUse.Serve)]
    [Description("Key that this worker joins a fleet with, made at its front door by 'truelive fleet keys create NAME'. A key is " +
        "one worker's.")]
    public string JoinKey { get; set; } = "";

    /// <summary>Address at which the control nodes reach this worker over HTTP.</summary>
    [Category(OptionUse.Serve)]
    [Description("Address at which the control nodes of its fleet reach this worker, such as https://10.0.0.7:8080; empty takes the " +
        "address that its link comes from, and its port.")]
    [RegularExpression("^(https?://[^ /?#]+)?$")]
    public string WorkerAddress { get; set; } = "";

    /// <summary>The store through which control nodes find each other.</summary>
    [Category(OptionUse.Control)]
    [Description("Where the control nodes of a fleet find each other: memory (one control node, for a trial), " +
        "postgres://USER@HOST:PORT/DATABASE or redis://HOST:PORT. With a password it is a secret: set it in the environment or a file.")]
    [RegularExpression("^(memory|postgres://.+|postgresql://.+|redis://.+)$")]
    public string Store { get; set; } = "memory";

    /// <summary>Name of the fleet, which tells apart fleets that share a store.</summary>
    [Category(OptionUse.Control)]
    [Description("Name of the fleet; several can share a store under different names.")]
    [RegularExpression("^[A-Za-z0-9._-]{1,64}$")]
    public string FleetName { get; set; } = "truelive";

    /// <summary>Address on which control nodes talk to each other.</summary>
    [Category(OptionUse.Control)]
    [Description("Address that the control nodes of a fleet talk to each other on. Nobody else may reach it: it asks for no key.")]
    public string SiloHost { get; set; } = "127.0.0.1";

    /// <summary>TCP port on which control nodes talk to each other.</summary>
    [Category(OptionUse.Control)]
    [Description("TCP port that the control nodes of a fleet talk to each other on; 0 takes any free one.")]
    [Range(0, 65535)]
    public int SiloPort { get; set; } = 11_111;

    /// <summary>Milliseconds without a report after which a worker counts as lost.</summary>
    [Category(OptionUse.Control)]
    [Description("Milliseconds without word from a worker after which its sessions are placed elsewhere when their clients come back. " +
        "Workers report each 400 ms.")]
    [Range(800, 60_000)]
    public int WorkerSilenceMs { get; set; } = 1200;

    /// <summary>Seconds after which a drained worker ends the sessions that could not be moved.</summary>
    [Category(OptionUse.Control)]
    [Description("Seconds after which a drained worker ends the sessions that could not be moved to another one.")]
    [Range(0, 100_000)]
    public int DrainSeconds { get; set; } = 300;

    /// <summary><see cref="ModelsFolder"/>, or its place under the data folder.</summary>
    public string ModelsPath => ModelsFolder.Length > 0 ? ModelsFolder : Path.Combine(DataPath, "models");

    /// <summary>Folder of models from a hub; only <c>truelive models pull</c> writes there.</summary>
    public string PulledPath => Path.Combine(DataPath, "pulled");

    /// <summary>Where models are looked for: first those that come with TrueLive, then the user's own, then those from a hub.</summary>
    public string[] ModelPlaces => [Path.Combine(AppContext.BaseDirectory, "models"), ModelsPath, PulledPath];

    /// <summary>Reads the manifest of a model folder, with the trust that its place implies.</summary>
    /// <exception cref="ModelException">The message names the file and the field.</exception>
    public ModelManifest ManifestOf(string folder) => ModelManifest.Load(folder, ModelFolders.TrustOf(folder, PulledPath));

    /// <summary><see cref="DataFolder"/>, or the place that the XDG base directory specification gives it.</summary>
    public string DataPath => DataFolder.Length > 0
        ? DataFolder
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData,
        Environment.SpecialFolderOption.DoNotVerify), "truelive");

    /// <summary><see cref="ClipStore"/>, or its place under the data folder.</summary>
    public string ClipsPath => ClipStore.Length > 0 ? ClipStore : Path.Combine(DataPath, "clips");

    /// <summary>The file of named keys.</summary>
    public string KeysPath => Path.Combine(DataPath, "api-keys.json");

    /// <summary><see cref="Size"/> as numbers.</summary>
    public (int Width, int Height) SizePixels => PictureSize.TryParse(Size, out var size) ? size : (512, 288);
}

/// <summary>Which command a setting is for. One that names none is for <c>truelive serve</c>.</summary>
public static class OptionUse
{
    /// <summary>For <c>truelive serve</c>.</summary>
    public const string Serve = "serve";

    /// <summary>For <c>truelive control</c>.</summary>
    public const string Control = "control";

    /// <summary>For both.</summary>
    public const string Both = "both";
}

/// <summary>Picture sizes as they are written: <c>512x288</c>.</summary>
public static class PictureSize
{
    /// <summary>False unless both sides are within 16..4096.</summary>
    public static bool TryParse(ReadOnlySpan<char> text, out (int Width, int Height) size)
    {
        size = default;
        var cross = text.IndexOf('x');
        if (cross < 0 || !int.TryParse(text[..cross], out var width) || !int.TryParse(text[(cross + 1)..], out var height))
            return false;
        size = (width, height);
        return width is >= 16 and <= 4096 && height is >= 16 and <= 4096;
    }
}
