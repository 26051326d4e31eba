using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using TrueLive.Clips;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Clips;

/// <summary>
/// Tells clients' servers that their clip has ended, with a signature and retries. Each pending webhook is a file named by the job's id
/// from the time the job is accepted, so a restart loses none.
/// </summary>
internal sealed partial class ClipWebhooks(
    ClipFolders folders, ClipQueueHost queueHost, ClipViews views, ServerOptions options, TimeProvider time, ILogger<ClipWebhooks> logger)
        : BackgroundService
{
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);
    private static readonly int[] RetrySeconds = [1, 5, 25, 125];

    // A server that dies while it calls holds up its webhook for this long.
    private static readonly TimeSpan CallTime = TimeSpan.FromSeconds(30);

    // A slow host occupies one of these places and delays no other webhook.
    private const int AtOnce = 16;

    // How long a webhook may exist without its job's row, which is written after it.
    private static readonly TimeSpan RowTime = TimeSpan.FromMinutes(1);

    // The year 9999.
    private const long MaxMilliseconds = 253_000_000_000_000;

    private readonly ConcurrentDictionary<string, Task> _telling = new();
    private readonly OutboundHosts _hosts = new(options.WebhookHosts, "webhook_hosts");

    /// <summary>Why an address may not be called; null when it may.</summary>
    public string? Refuse(string address, out Uri? uri) => _hosts.Refuse(address, out uri);

    /// <summary>Records that an address is to be called when the job ends.</summary>
    public void Expect(string job, string address)
    {
        PrivateFiles.MakeFolder(folders.Webhooks);
        Write(job, address, 0, time.GetUtcNow());
    }

    /// <summary>Deletes the record of a job that was not accepted.</summary>
    public void Forget(string job) => File.Delete(Path.Combine(folders.Webhooks, job));

    /// <summary>HMAC-SHA256 over <c>timestamp.body</c>, as the header carries it.</summary>
    public static string Sign(string secret, long timestamp, ReadOnlySpan<byte> body)
    {
        byte[] signed = [.. Encoding.ASCII.GetBytes(timestamp.ToString(CultureInfo.InvariantCulture) + "."), .. body];
        return "sha256=" + Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), signed));
    }

    public override void Dispose()
    {
        _hosts.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.WebhookHosts.Length == 0)
            return;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500), time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken).ConfigureAwait(false))
            {
                foreach (var job in Waiting())
                    await TryAsync(job, stoppingToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
        await Task.WhenAll(_telling.Values).ConfigureAwait(false);
    }

    private string[] Waiting()
    {
        try
        {
            return Directory.Exists(folders.Webhooks)
                ? [.. Directory.EnumerateFiles(folders.Webhooks).Select(f => Path.GetFileName(f)).Where(ClipFolders.IsId)]
                : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // An exception that leaves the loop would end the server; the folder is read again shortly.
            LogFailed("any", error.Message);
            return [];
        }
    }

    // Only a webhook that is due, and whose job has ended, takes one of the places.
    private async Task TryAsync(string job, CancellationToken cancel)
    {
        if (_telling.Count >= AtOnce || _telling.ContainsKey(job))
            return;
        var path = Path.Combine(folders.Webhooks, job);
        try
        {
            var record = await File.ReadAllTextAsync(path, cancel).ConfigureAwait(false);
            if (record.Split('\n') is not [var address, var tries, var next]
                || !int.TryParse(tries, NumberStyles.None, CultureInfo.InvariantCulture, out var attempt)
                || !long.TryParse(next, NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds))
            {
                // A damaged record could never be delivered.
                File.Delete(path);
                LogFailed(job, "its record is damaged");
                return;
            }
            var due = DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(milliseconds, MaxMilliseconds));
            if (due > time.GetUtcNow())
                return;
            var queue = await queueHost.QueueAsync(cancel).ConfigureAwait(false);
            var row = await queue.FindAsync(job, cancel).ConfigureAwait(false);
            if (row is { State: ClipJobState.Queued or ClipJobState.Running })
                return;
            if (row is not null)
            {
                var telling = InTurnAsync(queue, row, record, () => TellAndForgetAsync(row, address, attempt, cancel), cancel);
                _telling[job] = telling;
                _ = telling.ContinueWith(_ => _telling.TryRemove(job, out var _), CancellationToken.None, TaskContinuationOptions.None,
                    TaskScheduler.Default);
            }
            else if (time.GetUtcNow() - due > RowTime)
                File.Delete(path);
        }
        catch (Exception error) when (error is System.Data.Common.DbException or IOException or UnauthorizedAccessException
            or FormatException or RequestRefusedException)
        {
            LogFailed(job, error.Message);
        }
    }

    // Servers that share the folder read the same record. One of them calls, and the others find it changed or gone.
    private async Task InTurnAsync(ClipQueue queue, ClipJob job, string record, Func<Task> tell, CancellationToken cancel)
    {
        try
        {
            if (!await queue.BeginCallAsync(job.Id, CallTime, cancel).ConfigureAwait(false))
                return;
            try
            {
                var path = Path.Combine(folders.Webhooks, job.Id);
                if (File.Exists(path) && await File.ReadAllTextAsync(path, cancel).ConfigureAwait(false) == record)
                    await tell().ConfigureAwait(false);
            }
            finally
            {
                await queue.EndCallAsync(job.Id, CancellationToken.None).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
        }
        catch (Exception error) when (error is System.Data.Common.DbException or IOException or UnauthorizedAccessException
            or RequestRefusedException)
        {
            LogFailed(job.Id, error.Message);
        }
    }

    private async Task TellAndForgetAsync(ClipJob job, string address, int attempt, CancellationToken cancel)
    {
        if (!await TellAsync(job, address, cancel).ConfigureAwait(false) && attempt < RetrySeconds.Length)
            Write(job.Id, address, attempt + 1, time.GetUtcNow().AddSeconds(RetrySeconds[attempt]));
        else
            Forget(job.Id);
    }

    private async Task<bool> TellAsync(ClipJob job, string address, CancellationToken cancel)
    {
        if (_hosts.Refuse(address, out var uri) is { } refused)
        {
            LogFailed(job.Id, refused);
            return true;
        }
        var body = JsonSerializer.SerializeToUtf8Bytes(await views.OfAsync(job, cancel).ConfigureAwait(false), ClipJson.Default.ClipView);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, uri) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new("application/json");
        request.Headers.Add("X-TrueLive-Timestamp", now.ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("X-TrueLive-Signature", Sign(options.WebhookSecret, now, body));
        using var late = new CancellationTokenSource(AnswerTime, time);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel, late.Token);
        try
        {
            using var answer = await _hosts.SendAsync(request, limit.Token).ConfigureAwait(false);
            if (answer.IsSuccessStatusCode)
                return true;
            LogFailed(job.Id, $"it answered {(int)answer.StatusCode}");
        }
        catch (HttpRequestException error)
        {
            LogFailed(job.Id, error.InnerException?.Message ?? error.Message);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            LogFailed(job.Id, "it did not answer in time");
        }
        return false;
    }

    private void Write(string job, string address, int tries, DateTimeOffset next)
    {
        var path = Path.Combine(folders.Webhooks, job);
        File.WriteAllText(path + ".new", string.Create(CultureInfo.InvariantCulture,
            $"{address}\n{tries}\n{next.ToUnixTimeMilliseconds()}"));
        File.Move(path + ".new", path, overwrite: true);
    }

    [LoggerMessage(EventId = 3007, EventName = "webhook_failed", Level = LogLevel.Warning,
        Message = "The webhook of clip {Job} was not taken: {Why}")]
    private partial void LogFailed(string job, string why);
}
