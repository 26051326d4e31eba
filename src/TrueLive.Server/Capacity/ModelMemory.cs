using TrueLive.Models.Devices;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Capacity;

/// <summary>
/// Keeps the models that are loaded on demand within a bound: before one is loaded, those that were not used for the longest time go.
/// Thread-safe; one model is loaded at a time.
/// </summary>
/// <param name="bound">In bytes.</param>
internal sealed class ModelMemory(long bound)
{
    private readonly Lock _loading = new();
    private readonly List<OnDemandModel> _loaded = [];

    /// <summary>It could be loaded without another having to go.</summary>
    public bool HasRoomFor(OnDemandModel model)
    {
        lock (_loading)
            return Used + model.Bytes <= bound;
    }

    /// <summary>Loads a model if it is not loaded.</summary>
    /// <exception cref="RequestRefusedException">It cannot be loaded (422), or those in use leave no room for it (503).</exception>
    public void Load(OnDemandModel wanted)
    {
        lock (_loading)
        {
            if (wanted.IsWarm)
                return;
            _loaded.RemoveAll(m => !m.IsWarm);
            foreach (var idle in _loaded.OrderBy(m => m.UsedAt).ToArray())
            {
                if (Used + wanted.Bytes <= bound)
                    break;
                if (idle.TryUnload())
                    _loaded.Remove(idle);
            }
            if (Used + wanted.Bytes > bound)
                throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable, Words(wanted));
            if (!wanted.TryLoad(_loaded.Count == 0))
            {
                // The device has less room than the bound: whatever nobody uses makes way.
                _loaded.RemoveAll(m => m.TryUnload());
                if (!wanted.TryLoad(_loaded.Count == 0))
                {
                    throw new RequestRefusedException(StatusCodes.Status503ServiceUnavailable,
                        $"{wanted.Info.Title} could not be loaded: the memory of {GraphDevice.Current} is used up. Try again later, or " +
                        "choose another model.");
                }
            }
            _loaded.Add(wanted);
        }
    }

    private long Used => _loaded.Sum(m => m.IsWarm ? m.Bytes : 0);

    private string Words(OnDemandModel wanted) => _loaded.Count == 0
        ? $"{wanted.Info.Title} needs about {wanted.Bytes >> 20} MB, and this server gives models {bound >> 20} MB (model_memory_mb)."
        : $"{wanted.Info.Title} needs about {wanted.Bytes >> 20} MB, and {Used >> 20} of the {bound >> 20} MB for models " +
            "(model_memory_mb) are in use by "
            + $"{string.Join(", ", _loaded.Select(m => m.Info.Title))}. Try again later.";
}
