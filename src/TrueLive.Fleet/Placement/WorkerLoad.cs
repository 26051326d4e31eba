using TrueLive.Server.Configuration;
using TrueLive.Server.Fleet;

namespace TrueLive.Fleet.Placement;

/// <summary>What a session needs; null takes the default of the worker.</summary>
internal sealed record SessionAsk(string? Model, string? Size);

/// <summary>A worker that may take sessions: what it measured of itself, and what was given to it.</summary>
/// <param name="name">Its name.</param>
/// <param name="report">What it said last.</param>
/// <param name="taken">Model and size of each session that it has or is to have.</param>
internal sealed class WorkerLoad(string name, WorkerReport report, IReadOnlyCollection<SessionAsk> taken)
{
    // Shares of sessions that fill a machine exactly add up to a little more than one.
    private const double Rounding = 1e-9;

    public string Name => name;

    public int Running => taken.Count;

    /// <summary>The same worker with one more session.</summary>
    public WorkerLoad With(SessionAsk ask) => new(name, report, [.. taken, ask]);

    /// <summary>It has the model.</summary>
    public bool Offers(SessionAsk ask) => Find(ask) is not null;

    /// <summary>It has the model loaded.</summary>
    public bool IsWarm(SessionAsk ask) => Find(ask) is { Warm: true };

    /// <summary>Further sessions of this kind that it holds beside those that it has.</summary>
    public int PlacesFor(SessionAsk ask)
    {
        if (!Offers(ask))
            return 0;
        if (report.MaxSessions > 0)
            return Math.Max(0, report.MaxSessions - taken.Count);
        var fit = Count((1 - taken.Sum(ShareOf)) / ShareOf(ask));
        // As on a server of its own, the first session is always taken: a slow machine thins its input and says so.
        return taken.Count == 0 ? Math.Max(1, fit) : fit;
    }

    /// <summary>Sessions of this kind that it holds when it holds nothing else.</summary>
    public int CapacityFor(SessionAsk ask) => !Offers(ask) ? 0 : report.MaxSessions > 0 ? report.MaxSessions
        : Math.Max(1, Count(1 / ShareOf(ask)));

    private static int Count(double sessions) => (int)Math.Clamp(Math.Floor(sessions + Rounding), 0, LinkCodec.MaxSessions);

    private OfferedModel? Find(SessionAsk ask)
    {
        var id = string.IsNullOrEmpty(ask.Model) ? report.DefaultModel : ask.Model;
        return report.Models.FirstOrDefault(m => m.Id == id);
    }

    // Cost grows with pixels from the nearest measured size; what was not measured runs alone.
    private double ShareOf(SessionAsk ask)
    {
        if (!PictureSize.TryParse(ask.Size ?? report.DefaultSize, out var size) && !PictureSize.TryParse(report.DefaultSize, out size))
            return 1;
        var pixels = (double)size.Width * size.Height;
        var near = Find(ask)?.Shares.MinBy(s => Math.Abs((double)s.Width * s.Height - pixels));
        return near is null ? 1 : Math.Max(Rounding, near.Share * pixels / ((double)near.Width * near.Height));
    }
}
