using System.Collections.Immutable;
using TrueLive.Core.Clips;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Tiers;
using TrueLive.Media.Codecs;
using TrueLive.Server.Access;
using TrueLive.Server.Clips;

namespace TrueLive.Server.Interactive;

/// <summary>One interactive clip and the connection that watches it. Its revisions are kept while nobody is connected.</summary>
internal sealed class HostedClip : IAsyncDisposable
{
    private const int Quality = 85;

    private readonly ImmutableArray<VideoFrame> _frames;
    private readonly JpegCodec _jpeg = new();
    private readonly Lock _gate = new();
    private ImmutableArray<RevisionFrame> _source;
    private InteractiveConnection? _socket;

    /// <param name="id">Unique on this server.</param>
    /// <param name="owner">Key that it belongs to.</param>
    /// <param name="upload">Where the frames are from; exports are made from it.</param>
    /// <param name="start">Time of the first frame in the upload.</param>
    /// <param name="frames">Frames in the colours of JPEG; the clip takes them over.</param>
    /// <param name="length">Their length, including the last one's duration.</param>
    /// <param name="model">Model of a tweak that names none.</param>
    /// <param name="models">Models that a tweak may name.</param>
    /// <param name="wait">Blocks while live sessions need the cores.</param>
    /// <param name="time">Clock of the measured times.</param>
    public HostedClip(string id, string owner, UploadView upload, TimeSpan start, ImmutableArray<VideoFrame> frames, TimeSpan length,
        IVideoModel model, Func<string, IVideoModel?> models, Action<RevisionPass, CancellationToken> wait, TimeProvider time)
    {
        (Id, Owner, Upload, Start, _frames, Model, ModelOf) = (id, owner, upload, start, frames, model, models);
        Clip = new InteractiveClip(frames, model, frames[0].Width, frames[0].Height, frame => _jpeg.Encode(frame, Quality).ToArray(), time)
        {
            Length = length,
            ModelOf = models,
            BeforeStep = wait,
            FrameReady = frame => Volatile.Read(ref _socket)?.Send(frame, asked: false),
            Changed = revision => Volatile.Read(ref _socket)?.Send(revision),
        };
    }

    public string Id { get; }

    public string Owner { get; }

    public UploadView Upload { get; }

    public TimeSpan Start { get; }

    public IVideoModel Model { get; }

    /// <summary>Finds a model that a tweak names; null for an unknown one.</summary>
    public Func<string, IVideoModel?> ModelOf { get; }

    public InteractiveClip Clip { get; }

    /// <summary>Length of the loaded source with its last frame.</summary>
    public TimeSpan Duration => Clip.Length;

    /// <summary>Ends the clip when nobody has connected for a while.</summary>
    public ITimer? Keep { get; set; }

    /// <summary>Makes a connection the one that gets all messages, and returns the previous one, which the caller closes.</summary>
    public InteractiveConnection? Attach(InteractiveConnection? socket) => Interlocked.Exchange(ref _socket, socket);

    /// <summary>Whether a client is connected.</summary>
    public bool IsWatched => Volatile.Read(ref _socket) is not null;

    /// <summary>Detaches a connection unless a newer one has taken over. True when nobody is connected now.</summary>
    public bool Detach(InteractiveConnection socket) => Interlocked.CompareExchange(ref _socket, null, socket) == socket;

    /// <summary>The source's own frames as JPEG pictures, encoded when first requested.</summary>
    public ImmutableArray<RevisionFrame> Source()
    {
        lock (_gate)
        {
            if (_source.IsDefault)
            {
                using var jpeg = new JpegCodec();
                _source = [.. _frames.Select((f, i) => new RevisionFrame(0, RevisionPass.Full, i, f.Ticket.Captured,
                    jpeg.Encode(f, Quality).ToArray()))];
            }
            return _source;
        }
    }

    /// <summary>Time of a frame on the loaded source's timeline.</summary>
    public TimeSpan TimeOf(in RevisionFrame frame) => frame.At - _frames[0].Ticket.Captured;

    public InteractiveView View(SignedLinks links, bool waits, string? type = null) => new(
        type, Id, TierWords.Name(Tier.Interactive), TierWords.Means(Tier.Interactive), Model.Info.Id,
        $"{_frames[0].Width}x{_frames[0].Height}", Upload.Id,
        new InteractiveSourceView(
            _frames.Length, Math.Round(Duration.TotalSeconds, 3), Math.Round(_frames.Length / Duration.TotalSeconds, 2), Upload.Width,
            Upload.Height,
            [.. _frames.Select(f => Math.Round((f.Ticket.Captured - _frames[0].Ticket.Captured).TotalMilliseconds, 1))]),
        links.Sign($"/v1/interactive/{Id}/socket", Owner), waits, [.. Clip.Revisions.Select(r => RevisionView.From(r, Model.Info.Id))]);

    public async ValueTask DisposeAsync()
    {
        Keep?.Dispose();
        Attach(null)?.Close("The interactive clip has ended.");
        await Clip.DisposeAsync().ConfigureAwait(false);
        _jpeg.Dispose();
    }
}
