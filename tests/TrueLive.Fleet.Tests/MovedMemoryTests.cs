using System.Security.Cryptography;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models.Onnx;
using TrueLive.Server.Fleet;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Fleet.Tests;

/// <summary>What a move carries, without a network: two sessions of the embedded model that are given the same pictures.</summary>
public sealed class MovedMemoryTests : IDisposable
{
    // The smallest that the model takes.
    private const int Side = 192;

    private static readonly TimeSpan Apart = TimeSpan.FromMilliseconds(200);

    private readonly FakeTimeProvider _time = new();
    private readonly FramePool _pool = new("moved memory");
    private readonly OnnxVideoModel _model = OnnxVideoModel.Load(
        Path.Combine(AppContext.BaseDirectory, "models", "live-tiny"), 1, TimeProvider.System);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _model.Dispose();

    [Fact]
    public async Task A_moved_session_makes_the_same_pictures_bit_for_bit_also_in_the_middle_of_a_transition()
    {
        var (stayed, moved, forgot) = (await RunAsync(Way.Stays), await RunAsync(Way.Moves), await RunAsync(Way.Forgets));
        Assert.Equal(stayed, moved);
        // The memory matters, or the test would say nothing.
        Assert.Equal(stayed[..Before], forgot[..Before]);
        Assert.NotEqual(stayed[Before], forgot[Before]);
    }

    [Fact]
    public async Task While_it_moves_a_session_takes_no_commands_and_goes_on_when_nothing_came_of_it()
    {
        using var session = Session(Prompt.None);
        var memory = await session.HoldAsync(Cancel);
        Assert.Null(memory.Model);
        Assert.Contains("moves", session.Update("p", new PromptChange("ink", null, null)).Rejected, StringComparison.Ordinal);
        Assert.Contains("moves", session.Pause(true).Rejected, StringComparison.Ordinal);
        await Assert.ThrowsAsync<InvalidOperationException>(() => session.HoldAsync(Cancel));
        session.Resume();
        session.Resume();
        Assert.Null(session.Update("p", new PromptChange("ink", null, null)).Rejected);
        Assert.Equal(2, (await ConnectedAsync(session, 2)).Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0xff)]
    public async Task Bytes_that_no_model_wrote_are_refused_or_harm_nothing_but_the_picture(int fill)
    {
        byte[] bytes;
        using (var honest = _model.CreateSession(Side, Side))
            bytes = new byte[honest.Capture().Bytes.Length];
        if (fill == 1)
            new Random(7).NextBytes(bytes);
        else
            bytes.AsSpan().Fill((byte)fill);
        using var session = Session(new Prompt(3, "ink", 1, TimeSpan.FromSeconds(1), _model.Read("ink")));
        session.Continue(new SessionMemory(State(Side, Side, bytes), 7, TimeSpan.FromSeconds(1), TimeSpan.Zero));
        Assert.Equal(3, (await ConnectedAsync(session, 3)).Count);
        foreach (var wrong in new[] { State(Side, Side, bytes[1..]), State(0, Side, bytes), State(Side + 1, Side, bytes),
            State(1024, 1024, bytes),
            State(Side, Side, bytes) with { ModelVersion = "other" }, State(Side, Side, bytes) with { ModelId = "other" } })
            Assert.Throws<ArgumentException>(() => session.Continue(new SessionMemory(wrong, 7, TimeSpan.Zero, TimeSpan.Zero)));
    }

    [Fact]
    public void A_parcel_is_read_as_it_was_written_and_a_memory_that_is_too_large_stays_behind()
    {
        var memory = new SessionMemory(State(Side, Side, [1, 2, 3]), 7, TimeSpan.FromSeconds(2), TimeSpan.FromMilliseconds(3));
        var (session, back) = SessionParcel.Read(SessionParcel.Write(Kept(), memory))!.Value;
        Assert.Equal((Kept().Prompt, Kept().TransitionMs, 7L), (session.Prompt, session.TransitionMs, back.Next));
        Assert.Equal<byte>([1, 2, 3], back.Model!.Bytes.ToArray());
        Assert.Equal(memory with { Model = null }, back with { Model = null });
        var large = memory with { Model = State(Side, Side, new byte[SessionParcel.Longest]) };
        Assert.Null(SessionParcel.Read(SessionParcel.Write(Kept(), large))!.Value.Memory.Model);
    }

    private const int Before = 6;

    private enum Way { Stays, Moves, Forgets }

    // Twelve pictures; a prompt with a transition of two seconds after the third, and the move after the sixth.
    private async Task<List<string>> RunAsync(Way way)
    {
        var scene = new MovingScene(Side, Side, 5, _pool);
        var session = Session(Prompt.None);
        var pictures = new List<string>();
        await RunOnAsync(session, scene, 3, pictures);
        Assert.Null(session.Update("p", new PromptChange("ink", 0.8f, TimeSpan.FromSeconds(2))).Rejected);
        await RunOnAsync(session, scene, 3, pictures);
        if (way != Way.Stays)
        {
            var memory = await session.HoldAsync(Cancel);
            if (way == Way.Forgets)
                memory = memory with { Model = null };
            var (kept, carried) = SessionParcel.Read(SessionParcel.Write(Kept(), memory))!.Value;
            session.Dispose();
            session = Session(new Prompt(1, kept.Prompt, kept.Strength, TimeSpan.FromMilliseconds(kept.TransitionMs),
                _model.Read(kept.Prompt)));
            session.Continue(carried);
        }
        await RunOnAsync(session, scene, 6, pictures);
        session.Dispose();
        Assert.Equal(0, _pool.Rented);
        return pictures;
    }

    private async Task<List<string>> ConnectedAsync(LiveSession session, int count)
    {
        var pictures = new List<string>();
        await RunOnAsync(session, new MovingScene(Side, Side, 5, _pool), count, pictures);
        return pictures;
    }

    // A connection of its own each time, as a client's that comes back.
    private async Task RunOnAsync(LiveSession session, MovingScene scene, int count, List<string> into)
    {
        var line = new Line(scene, _time, count, into);
        Assert.Equal(EndCause.ReceiveClient, (await session.RunAsync(line, line, Cancel)).Cause);
    }

    private LiveSession Session(Prompt prompt) => new(
        "s", new SessionSettings(_model, Side, Side, prompt, 0, 0, false), new LiveSessionOptions(), _time);

    private ModelState State(int width, int height, byte[] bytes) => new(_model.Info.Id, _model.Info.Version, width, height, bytes);

    private KeptSession Kept() => new("s", "s.token", "local", _model.Info.Id, "64x64", "ink", 0.8f, new Dictionary<string, string>(), 1, 0,
        false, _time.GetUtcNow(), "live", 6, 0, 2000);

    /// <summary>Gives a picture each fifth of a second of virtual time, the next once the one before it has come back.</summary>
    private sealed class Line(MovingScene scene, FakeTimeProvider time, int count, List<string> into) : IVideoSource, IVideoSink
    {
        private readonly SemaphoreSlim _back = new(1);
        private int _given;

        public async ValueTask<VideoFrame?> ReadAsync(CancellationToken cancel)
        {
            await _back.WaitAsync(cancel);
            if (_given++ == count)
                return null;
            time.Advance(Apart);
            return await scene.ReadAsync(cancel);
        }

        public ValueTask<bool> WriteAsync(MadeFrame made, CancellationToken cancel)
        {
            var frame = made.Frame;
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            for (var y = 0; y < frame.Height; y++)
                hash.AppendData(frame.Y.Slice(y * frame.StrideY, frame.Width));
            for (var y = 0; y < frame.ChromaHeight; y++)
            {
                hash.AppendData(frame.U.Slice(y * frame.StrideC, frame.ChromaWidth));
                hash.AppendData(frame.V.Slice(y * frame.StrideC, frame.ChromaWidth));
            }
            into.Add($"{made.Ticket.SourceSequence} {made.Ticket.Captured.TotalSeconds} {Convert.ToHexString(hash.GetHashAndReset())}");
            _back.Release();
            return new(true);
        }
    }
}
