using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Tests.Http;

namespace TrueLive.Server.Tests.Live.Transports;

/// <summary>A server with <c>isolate_decoders</c>, whose decode processes die while sessions run.</summary>
public sealed partial class IsolatedDecodersTests
{
    // More than can be on their way when a decoder dies.
    private const int FreshPictures = 40;

    [Fact]
    public async Task A_decode_process_that_dies_costs_its_own_session_a_moment_and_the_others_nothing()
    {
        await using var server = await RunningServer.StartAsync(o => o.IsolateDecoders = true);
        var before = DecodeProcesses.Running();
        await using var first = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"));
        await first.OpenControlAsync();
        await first.PicturesAsync(3);
        var one = Assert.Single(DecodeProcesses.Running().Except(before));
        await using var second = await NativeClient.ConnectAsync(new Uri(server.Address, "/whip?model=passthrough"), VideoCodec.Vp8);
        await second.OpenControlAsync();
        await second.PicturesAsync(3);
        var two = Assert.Single(DecodeProcesses.Running().Except(before).Except([one]));
        DecodeProcesses.Kill(one);
        await first.MessageAsync(m => (string?)m["type"] == "input" && ((string?)m["problem"])?.Contains("started anew") == true);
        await second.PicturesAsync(FreshPictures);
        await first.MessageAsync(m => (string?)m["type"] == "input" && m["problem"] is null);
        await first.PicturesAsync(FreshPictures);
        var now = DecodeProcesses.Running().Except(before).ToHashSet();
        Assert.Equal((2, true, false), (now.Count, now.Contains(two), now.Contains(one)));
        Assert.DoesNotContain(second.Messages, m => (string?)m["type"] == "input");
        // The page is cached for a while.
        await NativeClient.UntilAsync(async () =>
            Counted().IsMatch(await server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken)));
    }

    [Fact]
    public async Task Pictures_over_the_WebSocket_go_on_after_their_decode_process_died()
    {
        await using var server = await RunningServer.StartAsync(o => o.IsolateDecoders = true);
        var before = DecodeProcesses.Running();
        await using var client = await JpegClient.ConnectAsync(server.Address, "model=passthrough");
        await client.SendUntilPictureAsync();
        var killed = Assert.Single(DecodeProcesses.Running().Except(before));
        DecodeProcesses.Kill(killed);
        await NativeClient.UntilAsync(() => DecodeProcesses.Running().Except(before).Any(id => id != killed));
        await client.SendUntilPictureAsync();
        Assert.DoesNotContain(killed, DecodeProcesses.Running());
    }

    [Fact]
    public async Task A_decode_process_for_one_picture_that_dies_is_in_the_log()
    {
        var log = new Lines();
        using var decoders = new LiveDecoders(new ServerOptions { IsolateDecoders = true }, TimeProvider.System, log);
        var pool = new FramePool("one picture");
        using var codec = new JpegCodec();
        using var grey = pool.Rent(64, 48);
        var jpeg = codec.Encode(grey, 90).ToArray();
        using (var decoder = (IsolatedDecoder)decoders.ForPicture("a sheet of looks")!)
        {
            (await DecodeAsync(decoder))!.Dispose();
            DecodeProcesses.Kill(Assert.Single(DecodeProcesses.Running(), id => DecodeProcesses.GroupOf(id) == decoder.ProcessId));
            Assert.Null(await DecodeAsync(decoder));
        }
        await NativeClient.UntilAsync(() => !log.Heard.IsEmpty);
        Assert.Matches("^picture_decoder_ended The process that decodes the picture of a sheet of looks ended.*signal 9",
            Assert.Single(log.Heard));

        ValueTask<VideoFrame?> DecodeAsync(IsolatedDecoder decoder) => decoder.DecodeAsync(
            new EncodedFrame { Codec = VideoCodec.Jpeg, Data = jpeg, KeyFrame = true, RtpTime = 0 }, pool,
            TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task What_a_session_costs_is_measured_with_a_decode_process_of_its_own()
    {
        var model = new Looking(DecodeProcesses.Running());
        await using var server = await RunningServer.StartAsync(o => o.IsolateDecoders = true, [model, new PassthroughModel()]);
        await server.Services.GetRequiredService<CapacityMeasurement>().Finished.WaitAsync(TimeSpan.FromMinutes(5),
            TestContext.Current.CancellationToken);
        Assert.Contains(server.Services.GetRequiredService<Admission>().Costs, c => c.ModelId == "looking");
        Assert.True(model.Seen);
    }

    [GeneratedRegex(@"^truelive_decoders_ended\S* [1-9]", RegexOptions.Multiline)]
    private static partial Regex Counted();

    private sealed class Lines : ILogger<LiveDecoders>
    {
        public ConcurrentQueue<string> Heard { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Heard.Enqueue($"{eventId.Name} {formatter(state, exception)}");
    }

    /// <summary>Passes frames through, and looks whether a decode process runs beside each step.</summary>
    private sealed class Looking(HashSet<int> before) : IVideoModel
    {
        private readonly PassthroughModel _whole = new();

        public bool Seen { get; private set; }

        public ModelInfo Info => _whole.Info with { Id = "looking" };

        public PromptReading Read(string text) => _whole.Read(text);

        public IModelSession CreateSession(int width, int height) => new Session(this, _whole.CreateSession(width, height));

        public void Dispose() => _whole.Dispose();

        private void Look() => Seen = Seen || DecodeProcesses.Running().Except(before).Any();

        private sealed class Session(Looking owner, IModelSession whole) : IModelSession
        {
            public int Width => whole.Width;

            public int Height => whole.Height;

            public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
            {
                owner.Look();
                return whole.Step(input, prompt, made);
            }

            public void Reset() => whole.Reset();

            public ModelState Capture() => whole.Capture();

            public void Restore(ModelState state) => whole.Restore(state);

            public void Dispose() => whole.Dispose();
        }
    }
}
