using System.Runtime.CompilerServices;

namespace TrueLive.Server.Streams;

/// <summary>Something that happened to a leg of a stream.</summary>
/// <param name="At">Wall clock of the server.</param>
/// <param name="Leg"><c>source</c>, or the id of an output.</param>
/// <param name="State">The state that it is in now.</param>
/// <param name="Words">Why, for people; null where the state says it all.</param>
internal sealed record StreamEvent(DateTimeOffset At, string Leg, string State, string? Words);

/// <summary>The last events of one session's legs, for those who follow them. Thread-safe.</summary>
internal sealed class StreamEvents(TimeProvider time)
{
    private const int Kept = 100;

    private readonly Lock _gate = new();
    private readonly Queue<StreamEvent> _events = new();
    private long _count;
    private bool _ended;
    private TaskCompletionSource _more = New();

    /// <summary>Told of each; must be quick.</summary>
    public Action<string, LegState, string?>? Added { get; init; }

    /// <summary>Adds one; the oldest goes when there are more than are kept.</summary>
    public void Add(string leg, LegState state, string? words)
    {
        Added?.Invoke(leg, state, words);
        lock (_gate)
        {
            _events.Enqueue(new StreamEvent(time.GetUtcNow(), leg, StreamLog.Word(state), words));
            _count++;
            if (_events.Count > Kept)
                _events.Dequeue();
        }
        Tell();
    }

    /// <summary>No more come: those who follow are done when they have the last one.</summary>
    public void End()
    {
        lock (_gate)
            _ended = true;
        Tell();
    }

    /// <summary>All that are kept, and those that come; a follower that reads too slowly misses the oldest.</summary>
    public async IAsyncEnumerable<StreamEvent> FollowAsync([EnumeratorCancellation] CancellationToken cancel)
    {
        for (var seen = 0L; ;)
        {
            StreamEvent[] next;
            Task more;
            bool ended;
            lock (_gate)
            {
                next = [.. _events.Skip((int)Math.Max(0, _events.Count - (_count - seen)))];
                (seen, more, ended) = (_count, _more.Task, _ended);
            }
            foreach (var one in next)
                yield return one;
            if (ended)
                yield break;
            await more.WaitAsync(cancel).ConfigureAwait(false);
        }
    }

    private void Tell()
    {
        TaskCompletionSource waited;
        lock (_gate)
            (waited, _more) = (_more, New());
        waited.SetResult();
    }

    private static TaskCompletionSource New() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
