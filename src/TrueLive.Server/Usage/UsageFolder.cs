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

    private readonly string _folder = Path.Combine(options.DataPath, "usage");
    private readonly string _writer = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));
    private readonly Lock _gate = new();

    // What was read of the files that the last reading was for, and of which version.
    private Dictionary<string, (DateTime Changed, IReadOnlyList<UsageRow> Rows)> _read = new(StringComparer.Ordinal);

    public Task WriteAsync(IReadOnlyList<UsageRow> rows, CancellationToken cancel) => GuardAsync(() =>
    {
        PrivateFiles.MakeFolder(_folder);
        foreach (var day in rows.GroupBy(r => r.Day))
        {
            var path = Path.Combine(_folder, $"{day.Key.ToString(DayFormat, CultureInfo.InvariantCulture)}.{_writer}.json");
            var all = Union([File.Exists(path) ? ReadFile(path) : [], day]);
            PrivateFiles.Replace(path, JsonSerializer.SerializeToUtf8Bytes(new UsageFile(UsageFile.Current, all),
                UsageJson.Default.UsageFile));
        }
        return true;
    });

    public Task<IReadOnlyList<UsageRow>> ReadAsync(DateOnly from, DateOnly to, CancellationToken cancel) => GuardAsync(() =>
    {
        var read = new Dictionary<string, (DateTime Changed, IReadOnlyList<UsageRow> Rows)>(StringComparer.Ordinal);
        foreach (var (path, day) in Files().Where(f => f.Day >= from && f.Day <= to))
        {
            var changed = File.GetLastWriteTimeUtc(path);
            read[path] = _read.TryGetValue(path, out var known) && known.Changed == changed ? known : (changed, ReadFile(path));
        }
        _read = read;
        return (IReadOnlyList<UsageRow>)Union(read.Values.Select(f => f.Rows));
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

    // One file that cannot be read, or is of a later release, does not take the others with it.
    private IReadOnlyList<UsageRow> ReadFile(string path)
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
        catch (JsonException damaged)
        {
            why = damaged.Message;
        }
        LogUnread(path, why);
        return [];
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
