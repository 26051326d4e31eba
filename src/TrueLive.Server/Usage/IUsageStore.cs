namespace TrueLive.Server.Usage;

/// <summary>
/// Where usage is kept. Rows may be written again and by several processes; a failure is an <see cref="IOException"/>, after which some of
/// the rows may have been written.
/// </summary>
internal interface IUsageStore
{
    Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel);

    /// <summary>Rows of these days, each of which is there once.</summary>
    Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel);

    /// <summary>The date by a clock that all who share the store go by; null where it has none.</summary>
    Task<DateOnly?> TodayAsync(CancellationToken cancel) => Task.FromResult<DateOnly?>(null);

    /// <summary>Deletes what is of earlier days.</summary>
    Task ForgetAsync(DateOnly before, CancellationToken cancel);
}
