using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TrueLive.Server;
using TrueLive.Server.Configuration;
using TrueLive.Server.Streams;

namespace TrueLive.Cli;

/// <summary>
/// <c>truelive stream</c>: processes a stream from one address to others until Ctrl-C. It serves the page and the API as well.
/// </summary>
internal static class StreamCommand
{
    private static readonly Argument<string> Source = new("source")
    {
        Description = "Where the picture comes from: rtsp://, rtmp://, rtmp://:PORT/APP/KEY?mode=listener, srt://HOST:PORT, "
            + "srt://:PORT?mode=listener, http(s):// (MPEG-TS, FLV, or HLS ending in .m3u8), /dev/videoN, or a file.",
    };

    private static readonly Option<string[]> Out = new("--out", "-o")
    {
        Description = "Where it goes, as often as you like: rtmp(s)://HOST/APP/KEY, srt://HOST:PORT, srt://:PORT?mode=listener, "
            + "udp://HOST:PORT, hls, /dev/videoN, NAME.mp4. Keys are better kept in a file: --out @key.txt.",
    };

    private static readonly Option<string?> PromptText =
        new("--prompt", "-p") { Description = "Prompt to begin with; change it over the API." };

    private static readonly Option<float?> Strength = new("--strength") { Description = "0 keeps the picture, 1 is the full look." };
    private static readonly Option<bool> Loop = new("--loop") { Description = "Begin a file again at its end." };
    private static readonly Option<string> OnLoss = new("--on-loss")
    {
        Description = "When the source is lost: last (go on with the last picture and try it again) or end.",
        DefaultValueFactory = _ => "last",
    };

    private static readonly Option<int?> Bitrate = new("--bitrate-kbps") { Description = "Kilobits per second of the outputs." };
    private static readonly Option<double?> Keyframes =
        new("--keyframe-s") { Description = "Longest time between key frames, in seconds." };


    private static readonly TimeSpan Tick = TimeSpan.FromSeconds(1);

    public static Command Make()
    {
        OnLoss.AcceptOnlyFromAmong("last", "end");
        var stream = new Command(
            "stream", "Turn a stream into another one, live: cameras, encoders and files in; broadcasters, HLS and recordings out.")
        {
            Source, Out, PromptText, Strength, Loop, OnLoss, Bitrate, Keyframes,
        };
        var settings = ServeCommand.AddSettings(stream);
        stream.SetAction(async (parsed, cancel) =>
        {
            var (file, flags) = settings(parsed);
            // Another server may hold the default ports; users who need fixed ones set them.
            flags.TryAdd("port", "0");
            flags.TryAdd("webrtc_port", "0");
            flags.TryAdd("log_level", "Warning");
            return await ServeCommand.RunAsync(
                file, flags, (options, _) => Task.FromResult(TrueLiveServer.Build(options)), cancel,
                app => RunAsync(app, parsed, cancel)).ConfigureAwait(false);
        });
        return stream;
    }

    private static async Task<int> RunAsync(WebApplication app, ParseResult parsed, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel, app.Lifetime.ApplicationStopping);
        LocalStream stream;
        try
        {
            var settings = new LocalStreamSettings(parsed.GetValue(Source)!, parsed.GetValue(Out) ?? [])
            {
                Prompt = parsed.GetValue(PromptText),
                Strength = parsed.GetValue(Strength),
                Loop = parsed.GetValue(Loop),
                EndOnLoss = parsed.GetValue(OnLoss) == "end",
                BitrateKbps = parsed.GetValue(Bitrate),
                KeyframeSeconds = parsed.GetValue(Keyframes),
            };
            stream = await LocalStream.BeginAsync(app.Services, settings, stop.Token).ConfigureAwait(false);
        }
        catch (ArgumentException wrong)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            await app.StopAsync(CancellationToken.None).ConfigureAwait(false);
            return 2;
        }
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var playlists = stream.Playlist is null ? "" : $", {address}{stream.Playlist} and {address}{stream.LowLatencyPlaylist}";
        Console.WriteLine($"Session {stream.Session}; watch it at {address}/whep/{stream.Session}{playlists}   (Ctrl-C ends it)");
        using var line = new StatusLine(stream, Tick);
        try
        {
            await foreach (var said in stream.EventsAsync(stop.Token).ConfigureAwait(false))
                line.Say(said);
        }
        catch (OperationCanceledException)
        {
            // Ctrl-C; the server then finishes frames in flight.
        }
        await app.StopAsync(CancellationToken.None).ConfigureAwait(false);
        return stop.IsCancellationRequested || stream.EndedWell ? 0 : 1;
    }

    /// <summary>A status line at the bottom of a terminal, rewritten every second; in a pipe only messages are printed.</summary>
    private sealed class StatusLine : IDisposable
    {
        private readonly Lock _gate = new();
        private readonly LocalStream _stream;
        private readonly ITimer? _timer;
        private int _width;

        public StatusLine(LocalStream stream, TimeSpan every)
        {
            _stream = stream;
            if (!Console.IsErrorRedirected)
                _timer = TimeProvider.System.CreateTimer(_ => Show(), null, every, every);
        }

        public void Say(string words)
        {
            lock (_gate)
            {
                Clear();
                Console.WriteLine(words);
            }
        }

        public void Dispose()
        {
            _timer?.Dispose();
            lock (_gate)
                Clear();
        }

        private void Show()
        {
            lock (_gate)
            {
                var text = _stream.Status();
                Clear();
                text = text[..Math.Min(text.Length, Math.Max(20, Console.WindowWidth - 1))];
                Console.Error.Write(text);
                _width = text.Length;
            }
        }

        private void Clear()
        {
            if (_width > 0)
                Console.Error.Write($"\r{new string(' ', _width)}\r");
            _width = 0;
        }
    }
}
