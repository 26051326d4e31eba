using System.Text.Json;
using System.Threading.Channels;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Core.Tiers;
using TrueLive.Media.Codecs;
using TrueLive.Media.Files;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Journals;

/// <summary>
/// Records a live session on a thread of its own. The live path only retains each picture for it; when the thread falls behind, pictures
/// are left out of the journal and counted, and the live path is not delayed.
/// </summary>
internal sealed class JournalRecorder : IAsyncDisposable
{
    private const int Quality = 92;

    // Bound: 16 pictures wait at most; the newest is left out and counted.
    private readonly Channel<(VideoFrame Frame, long Number, TimeSpan At)> _pictures =
        Channel.CreateBounded<(VideoFrame, long, TimeSpan)>(new BoundedChannelOptions(16) { SingleReader = true });
    private readonly Lock _gate = new();
    private readonly string _folder;
    private readonly LiveSession _session;
    private readonly TaskCompletionSource _written = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<JournalCue> _cues = [];
    private readonly List<long> _resets = [];
    private readonly Dictionary<string, ReferencePicture> _references = [];

    // Numbers and times in the journal of pictures whose output may still come, by their number on the live path.
    private readonly Dictionary<long, (long Number, TimeSpan At)> _recent = [];
    private JournalView _view;
    private TimeSpan? _offset;
    private TimeSpan _last;
    private long _taken;
    private long _revision = -1;
    private int? _epoch;
    private int _resetCount;
    private bool _connected;

    public JournalRecorder(string folder, JournalView view, LiveSession session)
    {
        (_folder, _view, _session) = (folder, view, session);
        _resetCount = session.Settings.Resets;
    }

    /// <summary>The progress of the recording.</summary>
    public JournalView View
    {
        get
        {
            lock (_gate)
                return _view;
        }
    }

    /// <summary>Completes when everything recorded is on disk.</summary>
    public Task Written => _written.Task;

    /// <summary>Whether journal.json is up to date; false when it could not be written.</summary>
    public bool IsSaved { get; private set; }

    /// <summary>Begins to write; nothing is on disk before.</summary>
    public void Begin()
    {
        Save();
        // However the writing ends: the session's end waits for it.
        _ = Task.Factory.StartNew(WriteAll, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ContinueWith(
            _ => _written.SetResult(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>A picture came in.</summary>
    public void Received(VideoFrame frame)
    {
        lock (_gate)
        {
            if (!_view.Recording)
                return;
            var settings = _session.Settings;
            if (settings.Model.Info.Id != _view.Model)
            {
                End("The session went on with another model.");
                return;
            }
            // No input arrived while nobody was connected: the journal leaves that time out.
            _offset ??= _taken == 0 ? -frame.Ticket.Captured : _last + TimeSpan.FromMilliseconds(33) - frame.Ticket.Captured;
            var at = TimeSpan.FromMicroseconds(Math.Round((frame.Ticket.Captured + _offset.Value).TotalMicroseconds));
            if (_taken > 0 && at <= _last)
                at = _last + TimeSpan.FromMicroseconds(1);
            if (at.TotalSeconds > _view.LimitS)
            {
                End($"It reached the {_view.LimitS} s that a journal may have.");
                return;
            }
            var held = frame.Retain();
            if (!_pictures.Writer.TryWrite((held, _taken, at)))
            {
                held.Dispose();
                _view = _view with { LostFrames = _view.LostFrames + 1 };
                return;
            }
            _recent[frame.Ticket.SourceSequence] = (_taken++, at);
            _last = at;
            if (_recent.Count > 600)
                _recent.Remove(_recent.Keys.Min());
        }
    }

    /// <summary>A frame went out; records which prompt was applied to which picture.</summary>
    public void Sent(in FrameTicket frame)
    {
        lock (_gate)
        {
            if (!_view.Recording || !_recent.TryGetValue(frame.SourceSequence, out var picture))
                return;
            if (_epoch is { } epoch && frame.Epoch != epoch && _session.Settings.Resets != _resetCount)
            {
                _resets.Add(picture.Number);
                _resetCount = _session.Settings.Resets;
            }
            _epoch = frame.Epoch;
            if (frame.PromptRevision == _revision || _session.PromptOf(frame.PromptRevision) is not { } prompt)
                return;
            _revision = frame.PromptRevision;
            foreach (var reference in prompt.Values.Pictures)
                _references.TryAdd(reference.Id, reference);
            if (_references.Count > Journal.MaxPictures)
            {
                End($"It reached the {Journal.MaxPictures} reference pictures that it may have.");
                return;
            }
            _cues.Add(new JournalCue(picture.Number, picture.At.Ticks, prompt.Text, prompt.Strength, prompt.Transition.TotalMilliseconds,
                prompt.Values.All.IsEmpty ? null : prompt.Values.All));
        }
    }

    /// <summary>A connection began.</summary>
    public void Connected()
    {
        lock (_gate)
        {
            if (_connected)
                _offset = null;
            _connected = true;
        }
    }

    /// <summary>Stops recording; the first reason is kept.</summary>
    public void End(string because)
    {
        lock (_gate)
        {
            if (!_view.Recording)
                return;
            _view = _view with { Recording = false, EndedBecause = because };
        }
        _pictures.Writer.TryComplete();
    }

    public async ValueTask DisposeAsync()
    {
        End("The session ended.");
        await Written.ConfigureAwait(false);
    }

    private void WriteAll()
    {
        try
        {
            using var jpeg = new JpegCodec();
            var colour = new JpegColour();
            using var video = new JpegMatroska(new FileStream(Path.Combine(_folder, "input.mkv"), FileMode.Create, FileAccess.Write,
                FileShare.Read, 1 << 16), TierTags.Of(Tier.Live));
            while (_pictures.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
            {
                while (_pictures.Reader.TryRead(out var picture))
                {
                    using (picture.Frame)
                    {
                        using var converted = colour.Convert(picture.Frame);
                        video.Write(jpeg.Encode(converted, Quality), picture.At, converted.Width, converted.Height);
                    }
                    lock (_gate)
                        _view = _view with
                        {
                            Frames = picture.Number + 1,
                            Seconds = Math.Round(picture.At.TotalSeconds, 3),
                            Bytes = video.Bytes,
                        };
                    if (video.Bytes > _view.LimitBytes)
                    {
                        // Pictures still waiting would only exceed the limit further.
                        End($"It reached the {_view.LimitBytes >> 20} MB that it may have.");
                        return;
                    }
                    if (picture.Number % 150 == 149)
                        Save();
                }
                video.Flush();
            }
        }
        // Any failure ends this journal only, not the session.
        catch (Exception error)
        {
            End($"It could not be written on. {Shortage.Of(error)?.Words ?? error.Message}");
        }
        finally
        {
            while (_pictures.Reader.TryRead(out var picture))
                picture.Frame.Dispose();
            Save();
        }
    }

    /// <summary>Rewrites journal.json.</summary>
    public void Save()
    {
        JournalState state;
        ReferencePicture[] references;
        lock (_gate)
            (state, references) = (new JournalState(_view, [.. _cues], [.. _resets]), [.. _references.Values]);
        try
        {
            foreach (var reference in references)
            {
                var picture = Journal.PictureIn(_folder, reference.Id);
                if (!File.Exists(picture))
                    File.WriteAllBytes(picture, reference.Bytes.Span);
            }
            var file = Path.Combine(_folder, "journal.json");
            File.WriteAllBytes(file + ".new", JsonSerializer.SerializeToUtf8Bytes(state, JournalJson.Default.JournalState));
            File.Move(file + ".new", file, overwrite: true);
            IsSaved = true;
        }
        catch (DirectoryNotFoundException)
        {
            // The folder was deleted during the recording.
            IsSaved = true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            IsSaved = false;
        }
    }
}
