using System.Collections.Immutable;
using TrueLive.Clips;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Server.Access;
using TrueLive.Server.Clips;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Pictures;
using TrueLive.Server.Resources;
using TrueLive.WebRtc;

namespace TrueLive.Server.Interactive;

/// <summary>Serves a client of an interactive clip. Every message gets an answer.</summary>
internal sealed class InteractiveCommands(
    ClipOrders orders, ClipViews views, InteractiveRegistry registry, SignedLinks links, LivePrecedence live, PictureStore pictures,
    IHostApplicationLifetime lifetime, TimeProvider time)
{
    /// <summary>Most frames that a comparison uses, evenly spread.</summary>
    public const int MaxCompared = 60;

    /// <summary>Longest name of a revision.</summary>
    public const int MaxName = 100;

    /// <summary>Serves one connection until either side ends it; an earlier connection to the same clip is closed.</summary>
    public async Task ServeAsync(HostedClip hosted, IInteractiveCarrier carrier, CancellationToken cancel)
    {
        var connection = new InteractiveConnection(carrier, hosted);
        connection.Commands = (command, token) => AnswerAsync(hosted, connection, command, token);
        hosted.Keep?.Dispose();
        // Under one lock, so that no change is lost between the greeting and the first event, and no older state follows a newer.
        hosted.Clip.Tell(revisions =>
        {
            connection.Send(hosted.View(links, live.LiveHasCores, "hello"), InteractiveJson.Default.InteractiveView);
            hosted.Attach(connection)?.Close("Another connection took over.");
            if (revisions.LastOrDefault() is { } newest)
                connection.Send(newest);
        });
        // A clip that ended meanwhile has closed only the connection that was attached then.
        if (registry.Find(hosted.Id) is null)
            connection.Close("The interactive clip has ended.");
        using var stopping = lifetime.ApplicationStopping.Register(() => connection.Close("The server is shutting down."));
        try
        {
            await connection.RunAsync(cancel).ConfigureAwait(false);
        }
        finally
        {
            if (hosted.Detach(connection))
                registry.KeepFor(hosted);
        }
    }

    /// <summary>Serves a data channel that a client opened on its live connection, when it is labelled for it. Returns at once.</summary>
    public void Serve(DataChannel channel)
    {
        if (channel.Label != DataChannelCarrier.Label)
            return;
        var carrier = new DataChannelCarrier(channel, time);
        var (path, token) = channel.Protocol.Split("?token=", 2) is [var p, var t] ? (p, t) : (channel.Protocol, "");
        path = links.Local(path);
        var hosted = links.Opens(path, token) && path.Split('/') is ["", "v1", "interactive", var id, "socket"] ? registry.Find(id) : null;
        // The caller's thread serves all connections and must not wait.
        _ = Task.Run(() => hosted is null
            ? carrier.CloseAsync("There is no such interactive clip. Give the clip's socket address as the channel's protocol.")
            : ServeAsync(hosted, carrier, CancellationToken.None));
    }

    /// <summary>Answers one command.</summary>
    internal async Task AnswerAsync(HostedClip hosted, InteractiveConnection socket, InteractiveCommand command, CancellationToken cancel)
    {
        try
        {
            switch (command.Type)
            {
                case "tweak":
                    Tweak(hosted, socket, command, command.Parent);
                    break;
                case "branch":
                    Tweak(hosted, socket, command, Find(hosted, command.Revision).Number);
                    break;
                case "name":
                    if (command.Name is null || command.Name.Length > MaxName)
                        throw new ArgumentException($"A name of at most {MaxName} characters is needed.");
                    _ = hosted.Clip.Rename(command.Revision ?? 0, command.Name, named => socket.Send(named, command.Id))
                        ?? throw Unknown(command.Revision);
                    break;
                case "select":
                    Select(hosted, socket, command);
                    break;
                case "compare":
                    Compare(hosted, socket, command, cancel);
                    break;
                case "export":
                    await ExportAsync(hosted, socket, command, cancel).ConfigureAwait(false);
                    break;
                case "ping":
                    socket.Send(new PongMessage("pong", command.Id), InteractiveJson.Default.PongMessage);
                    break;
                default:
                    throw new ArgumentException($"The type '{command.Type}' is not one of tweak, branch, name, select, compare, " +
                        "export, ping.");
            }
        }
        catch (Exception wrong) when (wrong is ArgumentException or RequestRefusedException or ObjectDisposedException
            or System.Data.Common.DbException or IOException)
        {
            socket.Send(new RefusedMessage("error", command.Id, wrong.Message), InteractiveJson.Default.RefusedMessage);
        }
    }

    private void Tweak(HostedClip hosted, InteractiveConnection socket, InteractiveCommand c, long? parent)
    {
        var from = parent is > 0 ? Find(hosted, parent) : hosted.Clip.Revisions.LastOrDefault();
        var b = from?.Tweak ?? new ClipTweak("", 1, TimeSpan.Zero, hosted.Duration, TimeSpan.Zero);
        var model = c.Model ?? b.Model ?? hosted.Model.Info.Id;
        var declared = (model == hosted.Model.Info.Id ? hosted.Model : hosted.ModelOf(model))?.Info.Parameters ?? [];
        var given = (ParameterJson.Texts(c.Values) ?? []).Concat(c.Seed is { } seed ? [KeyValuePair.Create("seed", $"{seed}")] : []);
        var named = pictures.Named(hosted.Owner, declared, given.Select(g => g.Value));
        if (!b.Values.For(declared).TrySet(declared, given, out var values, out var unusable, named))
            throw new ArgumentException(unusable);
        if (c.Name?.Length > MaxName)
            throw new ArgumentException($"The name is longer than {MaxName} characters.");
        var prompts = c.Prompts ?? (c.Prompt is not { } one ? b.Prompts : PromptSchedule.TryOne(one, out var schedule, out var error)
            ? schedule.ToString()
            : throw new ArgumentException(error));
        var tweak = new ClipTweak(
            prompts, c.Strength ?? b.Strength, Seconds(c.Trim?.StartS, b.TrimStart), Seconds(c.Trim?.EndS, b.TrimEnd),
            Seconds(c.PlayheadS, b.Playhead), c.TransitionMs is { } ms ? ms is >= 0 and <= 10_000 ? TimeSpan.FromMilliseconds(ms)
                : throw new ArgumentException("transition_ms must be within 0..10000.") : b.Transition,
            c.Model ?? b.Model)
        {
            Values = values,
        };
        hosted.Clip.Tweak(tweak, from?.Number ?? 0, c.Name ?? "", revision => socket.Send(revision, c.Id));
    }

    private void Select(HostedClip hosted, InteractiveConnection socket, InteractiveCommand c)
    {
        var frames = FramesOf(hosted, c.Revision);
        if (frames.IsEmpty && c.Revision is > 0 && Find(hosted, c.Revision) is var r
            && r.State is RevisionState.Full or RevisionState.Superseded or RevisionState.Failed)
        {
            Tweak(hosted, socket, new InteractiveCommand("tweak", c.Id, null, null, null, null, null, null, null, null, null, r.Name, null,
                null, null, null), r.Number);
            return;
        }
        foreach (var frame in frames)
            socket.Send(frame, asked: true);
        socket.Send(new SelectedMessage("selected", c.Id, c.Revision ?? 0), InteractiveJson.Default.SelectedMessage);
    }

    private static void Compare(HostedClip hosted, InteractiveConnection socket, InteractiveCommand c, CancellationToken cancel)
    {
        var (a, b) = (FramesOf(hosted, c.A), FramesOf(hosted, c.B).ToDictionary(f => f.Index));
        var pool = new FramePool("comparison", 2);
        using var jpeg = new JpegCodec();
        var (sum, count) = (0.0, 0);
        var both = a.Where(f => b.ContainsKey(f.Index)).ToArray();
        foreach (var frame in both.Where((_, i) => i % (1 + both.Length / MaxCompared) == 0))
        {
            cancel.ThrowIfCancellationRequested();
            using var one = jpeg.Decode(frame.Encoded.Span, pool);
            using var two = jpeg.Decode(b[frame.Index].Encoded.Span, pool);
            if (one is null || two is null || (one.Width, one.Height) != (two.Width, two.Height))
                continue;
            sum += MeanDifference(one, two);
            count++;
        }
        foreach (var frame in a.Concat(b.Values))
            socket.Send(frame, asked: true);
        socket.Send(new ComparedMessage("compared", c.Id, c.A ?? 0, c.B ?? 0, count, Math.Round(sum / Math.Max(1, count), 2)),
            InteractiveJson.Default.ComparedMessage);
    }

    private async Task ExportAsync(HostedClip hosted, InteractiveConnection socket, InteractiveCommand c, CancellationToken cancel)
    {
        var revision = Find(hosted, c.Revision);
        var t = revision.Tweak;
        if (!PromptSchedule.TryParse(t.Prompts, out var schedule, out var error))
            throw new ArgumentException(error);
        if (ClipFormats.Named(c.Format ?? "mp4") is null)
            throw new ArgumentException($"format must be {ClipFormats.Names}.");
        (int Width, int Height) size = default;
        var stretch = false;
        if (!string.IsNullOrEmpty(c.Size) && !ClipSize.TryParse(c.Size, out size, out stretch))
            throw new ArgumentException($"size is '{c.Size}'. {ClipSize.Rule}");
        var request = new ClipRequest(
            hosted.Upload.Id, schedule.From(t.TrimStart).ToString(), t.Model ?? hosted.Model.Info.Id, size.Width, size.Height,
            c.Format ?? "mp4", t.Strength, null,
            (t.Transition ?? Prompt.DefaultTransition).TotalMilliseconds, Name: hosted.Upload.Name,
            TrimStart: (hosted.Start + t.TrimStart).TotalSeconds, TrimEnd: (hosted.Start + t.TrimEnd).TotalSeconds, Stretch: stretch,
            Values: t.Values.All.IsEmpty ? null : PromptSchedule.TryOne(t.Values.ToString(), out var kept, out error) ? kept.ToString()
                : throw new ArgumentException(error));
        var job = await orders.EnqueueAsync(hosted.Owner, request, cancel).ConfigureAwait(false);
        socket.Send(new ExportedMessage("exported", c.Id, revision.Number, await views.OfAsync(job, cancel).ConfigureAwait(false)),
            InteractiveJson.Default.ExportedMessage);
    }

    private static ImmutableArray<RevisionFrame> FramesOf(HostedClip hosted, long? revision) =>
        revision is null or 0 ? hosted.Source() : hosted.Clip.FramesOf(Find(hosted, revision).Number);

    private static ClipRevision Find(HostedClip hosted, long? number) =>
        hosted.Clip.Revisions.FirstOrDefault(r => r.Number == number)
            ?? throw Unknown(number);

    private static ArgumentException Unknown(long? number) =>
        new($"There is no revision {number}. It may have been forgotten: name the ones to keep.");

    private static TimeSpan Seconds(double? value, TimeSpan otherwise) => value is not { } s ? otherwise
        : s is >= 0 and <= 14_400 ? TimeSpan.FromSeconds(s) : throw new ArgumentException("Times must be within 0..14400 s.");

    private static double MeanDifference(VideoFrame a, VideoFrame b)
    {
        var sum = 0L;
        for (var y = 0; y < a.Height; y += 2)
        {
            var one = a.Y.Slice(y * a.StrideY, a.Width);
            var two = b.Y.Slice(y * b.StrideY, a.Width);
            for (var x = 0; x < one.Length; x += 2)
                sum += Math.Abs(one[x] - two[x]);
        }
        return sum / (double)((a.Height + 1) / 2 * ((a.Width + 1) / 2));
    }
}
