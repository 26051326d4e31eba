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

    /// <summary>Deletes what is of earlier days.</summary>
    Task ForgetAsync(DateOnly before, CancellationToken cancel);
}
