using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <content>Operations that a fleet needs on the sessions of a worker.</content>
internal sealed partial class SessionRegistry
{
    /// <summary>Checks whether a session would be admitted now, without creating one.</summary>
    /// <exception cref="RequestRefusedException">As <see cref="CreateAsync"/>.</exception>
    public async Task CheckAsync(string? modelId, string? size, CancellationToken cancel)
    {
        var model = ModelOf(modelId);
        var (width, height) = SizeOf(size);
        await WarmUpAsync(model, width, height, null, cancel).ConfigureAwait(false);
        lock (_admit)
            Admit(model, width, height, except: null);
    }

    /// <summary>
    /// Continues a session of a lost machine with its id, token, prompt and values, in a new epoch. It waits for its client as if the
    /// client had just left.
    /// </summary>
    /// <param name="was">The session, as that machine last reported it.</param>
    /// <param name="silent">How long ago that was.</param>
    /// <param name="cancel">Cancels the call.</param>
    /// <exception cref="RequestRefusedException">As <see cref="CreateAsync"/>; 409 when it is already on this server.</exception>
    public async Task RestoreAsync(KeptSession was, TimeSpan silent, CancellationToken cancel)
    {
        var model = ModelOf(was.Model);
        var (width, height) = SizeOf(was.Size);
        await WarmUpAsync(model, width, height, null, cancel).ConfigureAwait(false);
        var (values, missing) = (ParameterValues.None, new List<string>());
        // One by one, since a value may name a picture that was lost with the machine.
        foreach (var value in was.Values)
        {
            if (values.TrySet(model.Info.Parameters, [value], out var more, out _, Named(was.Owner, model, [value])))
                values = more;
            else
                missing.Add(value.Key);
        }
        var prompt = new Prompt(was.Revision, was.Prompt, was.Strength, TimeSpan.Zero, model.Read(was.Prompt))
        {
            Values = values
            ?? ParameterValues.None
        };
        lock (_admit)
        {
            RefuseWhenDraining();
            Admit(model, width, height, except: null);
            var hosted = Host(was.Id, was.Token, new SessionSettings(model, width, height, prompt, was.Epoch + 1, 0, was.Paused), was.Owner,
                was.Created);
            hosted.Lost = new Loss(time.GetTimestamp() - (long)(silent.TotalSeconds * time.TimestampFrequency), Words(was, model, missing));
        }
    }

    private static string Words(KeptSession was, IVideoModel model, List<string> missing)
    {
        string?[] lost =
        [
            model.Info.HasMemory ? "the model's memory" : null,
            was.JournalSeconds > 0 ? FormattableString.Invariant($"a journal of {was.JournalSeconds:0} s") : null,
            missing.Count > 0 ? $"what was set of {string.Join(", ", missing)}" : null,
        ];
        var also = string.Join(" and ", lost.OfType<string>());
        return $"The machine that had the session is lost{(also.Length > 0 ? ", and with it " + also : "")}; "
            + "another one goes on with its prompt and values.";
    }
}
