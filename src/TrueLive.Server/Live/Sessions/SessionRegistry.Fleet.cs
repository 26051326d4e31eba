using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <content>Operations that a fleet needs on the sessions of a worker.</content>
internal sealed partial class SessionRegistry
{
    // Longer than handing it out, taking it in and telling the directory may take.
    private static readonly TimeSpan HoldTime = TimeSpan.FromSeconds(40);

    /// <summary>Checks whether a session would be admitted now, without creating one.</summary>
    /// <exception cref="RequestRefusedException">As <see cref="CreateAsync"/>.</exception>
    public async Task CheckAsync(string? modelId, string? size, CancellationToken cancel)
    {
        var model = ModelOf(modelId);
        var (width, height) = SizeOf(size);
        await Places.WarmUpAsync(model, width, height, null, cancel).ConfigureAwait(false);
        Places.Check(new SessionSettings(model, width, height, Prompt.None, 0, 0, false));
    }

    /// <summary>
    /// Continues a session of a lost machine with its id, token, prompt and values, in a new epoch. It waits for its client as if the
    /// client had just left.
    /// </summary>
    /// <param name="was">The session, as that machine last reported it.</param>
    /// <param name="silent">How long ago that was.</param>
    /// <param name="cancel">Cancels the call.</param>
    /// <exception cref="RequestRefusedException">As <see cref="CreateAsync"/>; 409 when it is already on this server.</exception>
    public Task RestoreAsync(KeptSession was, TimeSpan silent, CancellationToken cancel) => RestoreAsync(was, null, silent, cancel);

    /// <summary>As the other, of a session that another machine has handed out by <see cref="HoldAsync"/>.</summary>
    public async Task RestoreAsync(KeptSession was, SessionMemory? memory, TimeSpan silent, CancellationToken cancel)
    {
        var model = ModelOf(was.Model);
        var (width, height) = SizeOf(was.Size);
        await Places.WarmUpAsync(model, width, height, null, cancel).ConfigureAwait(false);
        var (values, missing) = (ParameterValues.None, new List<string>());
        // One by one, since a value may name a picture that was lost with the machine.
        foreach (var value in was.Values)
        {
            if (values.TrySet(model.Info.Parameters, [value], out var more, out _, Named(was.Owner, model, [value])))
                values = more;
            else
                missing.Add(value.Key);
        }
        var prompt = new Prompt(was.Revision, was.Prompt, was.Strength, TimeSpan.FromMilliseconds(was.TransitionMs), model.Read(was.Prompt))
        {
            Values = values
            ?? ParameterValues.None
        };
        var settings = new SessionSettings(model, width, height, prompt, was.Epoch + 1, 0, was.Paused);
        var hosted = Places.TakeBack(settings, () => Host(
            was.Id, was.Token, settings, was.Owner, was.Created, continues: was.Counted || was.Made > 0));
        memory = Continue(hosted, memory);
        hosted.Lost = new Loss(_time.GetTimestamp() - (long)(silent.TotalSeconds * _time.TimestampFrequency),
            Words(was, model, missing, memory));
    }

    /// <summary>
    /// Stops making pictures, and hands out what another machine needs to go on with the session. Unless <see cref="Depart"/> follows, it
    /// goes on here after a while.
    /// </summary>
    /// <param name="hosted">The session.</param>
    /// <param name="now">Also when its client will not be told where it is, and without a memory that cannot be copied.</param>
    /// <param name="cancel">Nobody waits any more.</param>
    /// <exception cref="RequestRefusedException">409: it stays for now, or is being moved.</exception>
    public async Task<(KeptSession Session, SessionMemory Memory)> HoldAsync(HostedSession hosted, bool now, CancellationToken cancel)
    {
        if (hosted.Stays)
            throw new RequestRefusedException(StatusCodes.Status409Conflict, "The session's pictures come from a stream of this machine.");
        if (!now && hosted is { Connection: not null, Told: 0 })
            throw new RequestRefusedException(StatusCodes.Status409Conflict, "Its client is not told when the session moves.");
        try
        {
            var memory = await hosted.Session.HoldAsync(cancel).ConfigureAwait(false);
            if (!now && memory.Model is null && hosted.Session.KeepsMemory)
            {
                hosted.Session.Resume();
                throw new RequestRefusedException(StatusCodes.Status409Conflict, "Its model gives no copy of its memory.");
            }
            hosted.Hold?.Dispose();
            hosted.Hold = _time.CreateTimer(_ => hosted.Session.Resume(), null, HoldTime, Timeout.InfiniteTimeSpan);
            return (KeptSession.From(hosted), memory);
        }
        catch (InvalidOperationException held)
        {
            throw new RequestRefusedException(StatusCodes.Status409Conflict, held.Message);
        }
    }

    /// <summary>Goes on after <see cref="HoldAsync"/>: nothing came of the move.</summary>
    public static void Resume(HostedSession hosted)
    {
        hosted.Hold?.Dispose();
        hosted.Session.Resume();
    }

    /// <summary>Another machine has the session: its client is told to connect again, and it is over here.</summary>
    public void Depart(HostedSession hosted)
    {
        hosted.Session.Move("Connect again with the session's token: it goes on there.");
        lock (hosted)
            hosted.Connection?.Cancel();
        _ = RemoveAsync(hosted, EndCause.ControlMoved);
    }

    // What is no memory of this model and version is left out, and its client is told that the memory is lost.
    private static SessionMemory? Continue(HostedSession hosted, SessionMemory? memory)
    {
        if (memory is null)
            return null;
        try
        {
            hosted.Session.Continue(memory);
            return memory;
        }
        catch (Exception unfit) when (unfit is ArgumentException or ModelStepException)
        {
            memory = memory with { Model = null };
            hosted.Session.Continue(memory);
            return memory;
        }
    }

    private static string Words(KeptSession was, IVideoModel model, List<string> missing, SessionMemory? memory)
    {
        string?[] lost =
        [
            model.Info.HasMemory && memory?.Model is null ? "the model's memory" : null,
            was.JournalSeconds > 0 ? FormattableString.Invariant($"a journal of {was.JournalSeconds:0} s") : null,
            missing.Count > 0 ? $"what was set of {string.Join(", ", missing)}" : null,
        ];
        var also = string.Join(" and ", lost.OfType<string>());
        if (memory is not null)
        {
            var kept = memory.Model is not null ? "its prompt, its values and the model's memory" : "its prompt and its values";
            return $"The session moved to another machine with {kept}{(also.Length > 0 ? "; lost is " + also : "")}.";
        }
        return $"The machine that had the session is lost{(also.Length > 0 ? ", and with it " + also : "")}; "
            + "another one goes on with its prompt and values.";
    }
}
