using System.Net;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Tests.Targets;
using TrueLive.Samples.ModelInCode;
using TrueLive.Samples.ProbeFromCode;
using TrueLive.Server.Configuration;
using Channel = System.Threading.Channels.Channel;

namespace TrueLive.Samples.Tests;

/// <summary>Each program in samples does what it says.</summary>
public sealed class SampleTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("samples").FullName;
    private readonly FramePool _pool = new("samples");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Directory.Delete(_folder, recursive: true);
        Assert.Equal(0, _pool.Rented);
    }

    [Fact]
    public async Task Drawn_pictures_go_through_a_session_into_a_folder()
    {
        Assert.Equal(0, await SourceAndSink.Program.Main([_folder, "6"]));
        using var jpeg = new JpegCodec();
        var files = Directory.GetFiles(_folder);
        Assert.Equal(6, files.Length);
        foreach (var file in files)
        {
            using var picture = jpeg.Decode(await File.ReadAllBytesAsync(file, Cancel), _pool);
            Assert.Equal((320, 180), (picture!.Width, picture.Height));
            Assert.Contains(picture.Y.ToArray(), y => y > 190);
        }
    }

    [Fact]
    [Trait("Run", "long")]
    public async Task A_page_of_ones_own_application_gets_its_pictures_back_restyled()
    {
        await using var app = EmbeddedSession.Program.Build(["--urls=http://127.0.0.1:0", "--Logging:LogLevel:Default=Warning"]);
        await app.StartAsync(Cancel);
        var page = new Uri(app.Urls.Single());
        using (var http = new HttpClient())
            Assert.Contains("Start the camera", await http.GetStringAsync(page, Cancel), StringComparison.Ordinal);
        var live = new UriBuilder(page) { Scheme = "ws", Path = "/live" }.Uri;

        using var stranger = new ClientWebSocket();
        stranger.Options.SetRequestHeader("Origin", "https://other.example");
        stranger.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => stranger.ConnectAsync(live, Cancel));
        Assert.Equal(HttpStatusCode.Forbidden, stranger.HttpStatusCode);

        using var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("Origin", page.GetLeftPart(UriPartial.Authority));
        await socket.ConnectAsync(live, Cancel);
        using var second = new ClientWebSocket();
        second.Options.CollectHttpResponseDetails = true;
        await Assert.ThrowsAsync<WebSocketException>(() => second.ConnectAsync(live, Cancel));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, second.HttpStatusCode);

        await socket.SendAsync(Encoding.UTF8.GetBytes("ink"), WebSocketMessageType.Text, true, Cancel);
        using var jpeg = new JpegCodec();
        using var camera = (await new MovingScene(256, 144, 30, _pool).ReadAsync(Cancel))!;
        var sent = jpeg.Encode(camera, 90).ToArray();
        // A busy machine leaves out pictures that got too old: the next one is answered.
        var answer = ReceiveAsync(socket);
        while (!answer.IsCompleted)
        {
            await socket.SendAsync(sent, WebSocketMessageType.Binary, true, Cancel);
            await Task.WhenAny(answer, Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Cancel));
        }
        using var made = jpeg.Decode(await answer, _pool);
        // The smallest size of the model in the picture's shape.
        Assert.Equal((344, 192), (made!.Width, made.Height));
        await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
        await app.StopAsync(Cancel);
    }

    [Fact]
    public async Task A_model_in_code_takes_prompts_and_continues_from_a_copy_of_its_memory()
    {
        using var model = new TrailsModel();
        Assert.Equal(["bright"], model.Read("long bright").UnknownWords);
        Assert.False(model.Read("bright").Understood);
        var prompt = new Prompt(1, "long", 1, TimeSpan.Zero, model.Read("long"));
        using var session = model.CreateSession(64, 36);
        var scene = new MovingScene(128, 72, 1, _pool);
        using (var first = (await scene.ReadAsync(Cancel))!)
            session.Step(first, prompt).Dispose();
        using var again = model.CreateSession(64, 36);
        again.Restore(session.Capture());
        using var second = (await scene.ReadAsync(Cancel))!;
        using var a = session.Step(second, prompt);
        using var b = again.Step(second, prompt);
        Assert.True(a.Y.SequenceEqual(b.Y));
        session.Reset();
        using var fresh = session.Step(second, prompt);
        Assert.False(a.Y.SequenceEqual(fresh.Y));
    }

    [Fact]
    public async Task A_WHIP_client_gets_pictures_and_sound_back_from_a_server_with_the_model_in_code()
    {
        await using var app = ModelInCode.Program.Build(new ServerOptions
        { Port = 0, WebrtcPort = 0, DataFolder = _folder, Clips = false, LogLevel = "Warning" });
        await app.StartAsync(Cancel);
        var said = Channel.CreateUnbounded<string>();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var call = WhipWithSound.Program.CallAsync(new Uri(app.Urls.Single() + "/whip?prompt=long"), null,
            line => said.Writer.TryWrite(line), stop.Token);
        _ = call.ContinueWith(over => said.Writer.TryComplete(over.Exception), TaskScheduler.Default);
        var heard = false;
        while (!heard)
        {
            var line = await said.Reader.ReadAsync(Cancel);
            heard = line.Contains("came back", StringComparison.Ordinal) && !line.StartsWith("0 ", StringComparison.Ordinal)
                && !line.Contains(" 0 packets", StringComparison.Ordinal);
        }
        await stop.CancelAsync();
        await call;
        await app.StopAsync(Cancel);
    }

    [Fact]
    public async Task The_probe_measures_a_system_from_code_and_leaves_its_report()
    {
        var clock = new FastClock(4);
        await using var target = new NegativeTarget(clock);
        var profile = new ProbeProfile
        {
            Name = "sample",
            Warmup = 1,
            Fast = 4,
            Slow = 0,
            Control = 0,
            Hold = 0,
            Blackout = 0,
            Looks = [5],
            Redraws = 19,
        };
        var said = new List<string>();
        var report = await ProbeFromCode.Program.MeasureAsync(target, profile, _folder, clock, said.Add);
        Assert.Contains(report.Verdict.Sentence, said);
        Assert.True(File.Exists(Path.Combine(_folder, "report.html")));
    }

    private static async Task<byte[]> ReceiveAsync(ClientWebSocket socket)
    {
        var message = new MemoryStream();
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), Cancel);
            Assert.Equal(WebSocketMessageType.Binary, part.MessageType);
            message.Write(buffer, 0, part.Count);
            if (part.EndOfMessage)
                return message.ToArray();
        }
    }
}
