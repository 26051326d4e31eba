using TrueLive.Core.Frames;

namespace TrueLive.Core.Sessions;

/// <summary>What to change in the prompt; null keeps the value in force.</summary>
/// <param name="Text">New text.</param>
/// <param name="Strength">0..1.</param>
/// <param name="Transition">0..10 s.</param>
public readonly record struct PromptChange(string? Text, float? Strength, TimeSpan? Transition)
{
    /// <summary>Parameters of the model and their values; null changes none.</summary>
    public IReadOnlyCollection<KeyValuePair<string, string>>? Values { get; init; }

    /// <summary>Pictures that the values may name by their ids; null for none.</summary>
    public IReadOnlyList<Models.ReferencePicture>? Pictures { get; init; }
}

/// <summary>The first answer to a command: taken, or refused with a reason for people.</summary>
/// <param name="Rejected">Null when the command was taken.</param>
/// <param name="Settings">The settings in force after the command.</param>
public readonly record struct CommandReceipt(string? Rejected, SessionSettings Settings);

/// <summary>The second answer: the first frame that shows the command's effect went out.</summary>
/// <param name="CommandId">As the client gave it.</param>
/// <param name="FirstFrame">That frame; its prompt revision is higher than the command's own when a later command overtook it.</param>
/// <param name="Waited">From the command's arrival to the hand-over of the frame to the sink.</param>
public readonly record struct CommandApplied(string CommandId, FrameTicket FirstFrame, TimeSpan Waited);

/// <summary>Commands that were taken and wait for their first frame. Not thread-safe: the owner locks.</summary>
internal sealed class PendingCommands(int limit, TimeProvider time)
{
    private readonly List<(string Id, long Revision, int Epoch, long Since)> _waiting = [];

    // Read without the lock once per frame, so that frames take the lock only when somebody waits.
    private volatile bool _any;

    public bool Any => _any;

    public bool Full => _waiting.Count >= limit;

    public void Add(string id, SessionSettings effect)
    {
        _waiting.Add((id, effect.Prompt.Revision, effect.Epoch, time.GetTimestamp()));
        _any = true;
    }

    /// <summary>Takes out the commands whose effect the frame shows.</summary>
    public List<CommandApplied> Settle(in FrameTicket frame)
    {
        var settled = new List<CommandApplied>();
        for (var i = 0; i < _waiting.Count; i++)
        {
            var (id, revision, epoch, since) = _waiting[i];
            if (frame.PromptRevision < revision || frame.Epoch < epoch)
                continue;
            settled.Add(new CommandApplied(id, frame, time.GetElapsedTime(since)));
            _waiting.RemoveAt(i--);
        }
        _any = _waiting.Count > 0;
        return settled;
    }
}
