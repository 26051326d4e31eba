using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using TrueLive.Core.Sessions;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Resources;
using TrueLive.Server.Streams.Hls;

namespace TrueLive.Server.Streams;

/// <summary>A stream as somebody types it on the command line of this machine.</summary>
/// <param name="Source">Address, device, or path of a file.</param>
/// <param name="Outputs">Addresses, devices, paths of recordings, or <c>hls</c>.</param>
public sealed record LocalStreamSettings(string Source, IReadOnlyList<string> Outputs)
{
    /// <summary>Prompt to begin with; null for none.</summary>
    public string? Prompt { get; init; }

    /// <summary>How much of the look; null takes the default.</summary>
    public float? Strength { get; init; }

    /// <summary>Begin a file again at its end.</summary>
    public bool Loop { get; init; }

    /// <summary>End when the source is lost, instead of going on with the last picture.</summary>
    public bool EndOnLoss { get; init; }

    /// <summary>Kilobits per second that outputs ask for; null takes the default.</summary>
    public int? BitrateKbps { get; init; }

    /// <summary>Longest time between key frames in seconds; null takes the default.</summary>
    public double? KeyframeSeconds { get; init; }
}

/// <summary>A running stream of this machine's command line, which may reach what its owner named.</summary>
public sealed class LocalStream
{
    private readonly StreamLegs _legs;

    private LocalStream(StreamLegs legs) => _legs = legs;

    /// <summary>Id of its session.</summary>
    public string Session => _legs.Hosted.Session.Id;

    /// <summary>Why it is over, in words; null while it runs.</summary>
    public string? Ended => _legs.Hosted.Session.Ended?.Words;

    /// <summary>It ended because its source had come to its end or its owner wanted it.</summary>
    public bool EndedWell => _legs.Hosted.Session.Ended is { } end
        && (end.Cause is EndCause.ControlServer or EndCause.ControlClient || end.Because == StreamRun.FileOver);

    /// <summary>Where the playlist of its HLS output is, below the server's address; null without such an output.</summary>
    public string? Playlist => PlaylistOf(HlsOutput.Playlist);

    /// <summary>Where the low-latency playlist of the same output is.</summary>
    public string? LowLatencyPlaylist => PlaylistOf(HlsOutput.LowLatency);

    /// <summary>Begins it on a server that has started.</summary>
    /// <exception cref="ArgumentException">It cannot be begun; the message says what to change.</exception>
    public static async Task<LocalStream> BeginAsync(IServiceProvider server, LocalStreamSettings settings, CancellationToken cancel)
    {
        try
        {
            var options = server.GetRequiredService<ServerOptions>();
            var source = StreamAddress.Parse(Typed(settings.Source), output: false, out var problem)
                ?? throw new ArgumentException(problem);
            var outputs = settings.Outputs
                .Select(o => OutputSettings.Of(Typed(o), settings.BitrateKbps, settings.KeyframeSeconds, options, trusted: true)).ToArray();
            var session = new SessionRequest(null, null, settings.Prompt, settings.Strength);
            var onLoss = settings.EndOnLoss ? LossAction.End : LossAction.Last;
            var request = new StreamRequest(source, session, settings.Loop, onLoss, Trusted: true);
            var registry = server.GetRequiredService<StreamRegistry>();
            return new LocalStream(await registry.BeginAsync(request, outputs, cancel).ConfigureAwait(false));
        }
        catch (RequestRefusedException refused)
        {
            throw new ArgumentException(refused.Message, refused);
        }
    }

    /// <summary>One line for each thing that happens to it, until it is over.</summary>
    public async IAsyncEnumerable<string> EventsAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        await foreach (var e in _legs.Events.FollowAsync(cancel).ConfigureAwait(false))
            yield return $"{NameOf(e.Leg)}: {e.State}{(e.Words is null ? "" : ". " + e.Words)}";
    }

    /// <summary>How it stands now, in one line.</summary>
    public string Status()
    {
        var (source, stats) = (_legs.Source!, _legs.Hosted.Session.Stats);
        var line = new StringBuilder(StreamLog.Word(source.Status.State))
            .Append(CultureInfo.InvariantCulture, $" {stats.GeneratedPerSecond:0.0} fps, step {stats.StepP50.TotalMilliseconds:0} ms, ")
            .Append(CultureInfo.InvariantCulture, $"age {stats.AgeP50.TotalMilliseconds:0} ms");
        foreach (var output in _legs.Outputs)
        {
            line.Append(CultureInfo.InvariantCulture, $"  |  {output.Settings.Address.Shown} {StreamLog.Word(output.Status.State)} ")
                .Append(CultureInfo.InvariantCulture, $"{output.Rate / 1000:0} kbit/s, {output.Dropped} dropped");
            if (output.Delay is { } delay)
                line.Append(CultureInfo.InvariantCulture, $", {delay.TotalMilliseconds:0} ms");
        }
        return line.ToString();
    }

    private string? PlaylistOf(string name) =>
        _legs.Outputs.FirstOrDefault(o => o.Hls is not null) is { } hls ? $"/hls/{Session}/{hls.Id}/{name}" : null;

    private string NameOf(string leg) =>
        leg == "source" ? _legs.Source?.Address.Shown ?? leg : _legs.Output(leg)?.Settings.Address.Shown ?? leg;

    // A path needs no scheme on a command line.
    private static string Typed(string text) =>
        text == "hls" || text.Contains("://", StringComparison.Ordinal) || text.StartsWith("/dev/", StringComparison.Ordinal) ? text
            : "file:" + System.IO.Path.GetFullPath(text.StartsWith("file:", StringComparison.Ordinal) ? text[5..] : text);
}
