using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Models;

namespace TrueLive.Samples.SourceAndSink;

/// <summary>
/// How do I feed my own pictures into a live session, and take out what it makes? Draws a ball in place of a camera and writes each
/// finished picture into a folder.
/// </summary>
public static class Program
{
    /// <summary>
    /// Arguments: the folder to write into, how many pictures to write, and a model's folder; without one, pictures pass through.
    /// </summary>
    public static async Task<int> Main(string[] args)
    {
        if (args is not [var folder, .. var rest] || !int.TryParse(rest.FirstOrDefault("90"), out var count))
        {
            await Console.Error.WriteLineAsync("Usage: SourceAndSink FOLDER [PICTURES] [MODEL_FOLDER]");
            return 2;
        }
        var time = TimeProvider.System;
        using IVideoModel model = rest is [_, var place, ..] ? ModelLoader.Load(place, threads: 0, time) : new PassthroughModel();
        using var source = new BallSource(time);
        using var sink = new JpegFolder(folder);

        var prompt = new Prompt(0, "ink", Strength: 1, Transition: TimeSpan.Zero, model.Read("ink"));
        var settings = new SessionSettings(model, 320, 180, prompt, Epoch: 0, Resets: 0, Paused: false);
        using var session = new LiveSession("ball", settings, new LiveSessionOptions(), time);
        sink.Wrote = written =>
        {
            if (written == count)
                session.End(EndCause.ControlClient);
        };
        var end = await session.RunAsync(source, sink, CancellationToken.None);

        Console.WriteLine($"{end.Words} The pictures are in {folder}.");
        return end.Cause == EndCause.ControlClient ? 0 : 1;
    }
}
