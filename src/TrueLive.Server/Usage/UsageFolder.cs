using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Usage;

/// <summary>
/// Usage in a folder under the data folder: for each day one file of each process that wrote, so that servers may share the folder. A file
/// is replaced as a whole.
/// </summary>
internal sealed partial class UsageFolder(ServerOptions options, ILogger<UsageFolder> logger) : IUsageStore
{
    private const string DayFormat = "yyyy-MM-dd";

    // Far more than all rows that a process holds.
    private const long MaxFile = 256L << 20;

    private const int KeptDays = 32;

    private readonly string _folder = Path.Combine(options.DataPath, "usage");
    private readonly Lock _gate = new();

    private string _writer = NewWriter();

    // What was read of the files that the last reading was for, and of which version.
    private Dictionary<string, (DateTime Changed, IReadOnlyList<UsageRow>? Rows)> _read = new(StringComparer.Ordinal);

    public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => GuardAsync(() =>
    {
        PrivateFiles.MakeFolder(_folder);
        foreach (var day in rows.GroupBy(r => r.Day))
        {
            var path = Path.Combine(_folder, $"{day.Key.ToString(DayFormat, CultureInfo.InvariantCulture)}.{_writer}.json");
            if (ReadFile(path, quiet: false) is not { } known)
            {
                _writer = NewWriter();
                throw new IOException($"{path} was damaged, and is left as it is.");
            }
            var all = Union([known, day]);
            PrivateFiles.Replace(path, JsonSerializer.SerializeToUtf8Bytes(new UsageFile(UsageFile.Current, all),
                UsageJson.Default.UsageFile));
        }
        return true;
    });

    public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) => GuardAsync(() =>
    {
        var read = new Dictionary<string, (DateTime Changed, IReadOnlyList<UsageRow>? Rows)>(StringComparer.Ordinal);
        foreach (var (path, _) in Files().Where(f => f.Day >= from && f.Day <= to))
        {
            var changed = File.GetLastWriteTimeUtc(path);
            var same = _read.TryGetValue(path, out var known) && known.Changed == changed;
            // One that could not be read is tried again, and named once.
            read[path] = same && known.Rows is not null ? known : (changed, ReadFile(path, quiet: same));
        }
        // Whoever asks for a year neither fills the memory with it nor makes the next reading of this month slow.
        if (to.DayNumber - from.DayNumber < KeptDays)
            _read = read;
        return (IReadOnlyList<UsageRow>)Union(read.Values.Select(f => f.Rows ?? []));
    });

    public Task ForgetAsync(DateOnly before, CancellationToken cancel) => GuardAsync(() =>
    {
        foreach (var (path, _) in Files().Where(f => f.Day < before))
            File.Delete(path);
        return true;
    });

    internal static List<UsageRow> Union(IEnumerable<IEnumerable<UsageRow>> lists) =>
        [.. lists.SelectMany(l => l).GroupBy(r => r.Id).Select(g => g.Aggregate(UsageRow.Later))];

    private IEnumerable<(string Path, DateOnly Day)> Files()
    {
        foreach (var path in Directory.Exists(_folder) ? Directory.GetFiles(_folder, "*.json") : [])
        {
            if (DateOnly.TryParseExact(Path.GetFileName(path).Split('.')[0], DayFormat, CultureInfo.InvariantCulture, DateTimeStyles.None,
                out var day))
                yield return (path, day);
        }
    }

    private static string NewWriter() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    // Null for a file that cannot be read or is of a later release, which does not take the others with it; none where there is no file.
    private IReadOnlyList<UsageRow>? ReadFile(string path, bool quiet)
    {
        var why = $"It is longer than {MaxFile >> 20} MiB.";
        try
        {
            if (new FileInfo(path).Length <= MaxFile)
            {
                var file = JsonSerializer.Deserialize(File.ReadAllBytes(path), UsageJson.Default.UsageFile);
                if (file?.Schema == UsageFile.Current)
                    return [.. file.Rows.Where(r => r?.IsSound == true)];
                why = $"Its schema is '{file?.Schema}', and this release knows '{UsageFile.Current}'.";
            }
        }
        // Another server that shares the folder may have deleted it meanwhile.
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (Exception unread) when (unread is JsonException or IOException or UnauthorizedAccessException)
        {
            why = unread.Message;
        }
        if (!quiet)
            LogUnread(path, why);
        return null;
    }

    private Task<T> GuardAsync<T>(Func<T> work) => Task.Run(() =>
    {
        try
        {
            lock (_gate)
                return work();
        }
        catch (UnauthorizedAccessException refused)
        {
            throw new IOException(refused.Message, refused);
        }
    });

    [LoggerMessage(EventId = 5101, EventName = "usage_unread", Level = LogLevel.Warning,
        Message = "A file of usage is left out of all sums: {Path}. {Why}")]
    private partial void LogUnread(string path, string why);
}
