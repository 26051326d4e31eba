using TrueLive.Models.Masks;
using TrueLive.Server.Capacity;
using TrueLive.Server.Configuration;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Fleet;

/// <summary>What this server tells its fleet of itself: by what it has measured, and nothing that it hopes.</summary>
internal sealed class WorkerReports(ModelStore models, Admission admission, CapacityMeasurement measurement, SessionRegistry registry,
    ServerOptions options)
{
    public WorkerReport Now() => new(
        options.MaxSessions > 0 || measurement.Finished.IsCompleted, options.MaxSessions, models.Default.Info.Id, options.Size,
            options.KeepSeconds,
        [
            .. models.All.Where(m => MaskedModel.Bare(m) is not OnDemandModel { IsBroken: true }).Take(LinkCodec.MaxModels)
                .Select(m => new OfferedModel(
                m.Info.Id, MaskedModel.Bare(m) is not OnDemandModel { IsWarm: false },
                [.. admission.Costs.Where(c => c.ModelId == m.Info.Id).TakeLast(LinkCodec.MaxSizes)
                    .Select(c => new SizeShare(c.Width, c.Height, admission.ShareOf(m, c.Width, c.Height)))])),
        ],
        [.. registry.Hosted.Take(LinkCodec.MaxSessions).Select(KeptSession.From)]);
}
