using TrueLive.Core.Models;

namespace TrueLive.Server.Sessions;

/// <summary>The models that this server offers. The first one is the default.</summary>
internal sealed class ModelShelf(IReadOnlyList<IVideoModel> all)
{
    public IReadOnlyList<IVideoModel> All { get; } = all;

    public IVideoModel Default => All[0];

    /// <summary>The model with this id, the default for null or empty, or null when there is none.</summary>
    public IVideoModel? Find(string? id) => string.IsNullOrEmpty(id) ? Default : All.FirstOrDefault(m => m.Info.Id == id);
}
