using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Live.Sessions;

/// <content>Changes of running sessions; one that costs more needs room on the machine.</content>
internal sealed partial class SessionRegistry
{
    /// <summary>
    /// Changes a session's prompt and values; a value may name a picture of the session's owner. A mask that begins needs room on the
    /// machine.
    /// </summary>
    public CommandReceipt Update(
        HostedSession hosted, string command, PromptChange change, Action<SessionSettings>? accepted = null)
    {
        var now = hosted.Session.Settings;
        change = change with { Pictures = Named(hosted.Owner, now.Model, change.Values) };
        var next = SessionPlaces.Next(now, change);
        if (Admission.IsMasked(now.Model, now.Prompt) || !Admission.IsMasked(next.Model, next.Prompt))
            return hosted.Session.Update(command, change, accepted);
        try
        {
            return Places.Change(hosted, next, () => hosted.Session.Update(command, change, accepted));
        }
        catch (RequestRefusedException refused)
        {
            return new CommandReceipt(refused.Message, now);
        }
    }

    /// <summary>
    /// Switches a running session to another model or size, if there is room. The model is warmed up first; meanwhile the session continues
    /// as it is; <paramref name="warming"/> is called first where that takes time.
    /// </summary>
    public async Task<CommandReceipt> SwitchAsync(
        HostedSession hosted, string commandId, string? modelId, string? size, CancellationToken cancel, Action? warming = null,
        Action<SessionSettings>? accepted = null)
    {
        var now = hosted.Session.Settings;
        try
        {
            var (width, height) = size is null ? (now.Width, now.Height) : SizeOf(size);
            var warm = Places.WarmUpAsync(modelId is null ? now.Model : ModelOf(modelId), width, height, hosted, cancel);
            if (!warm.IsCompleted)
                warming?.Invoke();
            await warm.ConfigureAwait(false);
        }
        catch (RequestRefusedException refused)
        {
            return new CommandReceipt(refused.Message, now);
        }
        return Switch(hosted, commandId, modelId, size, accepted);
    }

    /// <summary>Switches a running session to another model or size, if there is room.</summary>
    public CommandReceipt Switch(
        HostedSession hosted, string commandId, string? modelId, string? size, Action<SessionSettings>? accepted = null)
    {
        var now = hosted.Session.Settings;
        try
        {
            var model = modelId is null ? now.Model : ModelOf(modelId);
            var (width, height) = size is null ? (now.Width, now.Height) : SizeOf(size);
            return Places.Change(hosted, now with { Model = model, Width = width, Height = height },
                () => hosted.Session.Switch(commandId, model, width, height, accepted));
        }
        catch (RequestRefusedException refused)
        {
            return new CommandReceipt(refused.Message, now);
        }
    }
}
