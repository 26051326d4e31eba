using System.Text;

namespace TrueLive.Workers.Jail;

/// <summary>The last lines of what a child wrote, in bounded memory and at a bounded rate whatever it writes. Thread-safe.</summary>
internal sealed class LastWords(TimeProvider time, CancellationToken hurry)
{
    private const int MaxBytes = 16 << 10;
    private const int MaxLines = 64;

    // Whoever writes without end is not worth a core: the pipe fills, and the child waits.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(5);

    private readonly Lock _gate = new();
    private readonly byte[] _ring = new byte[MaxBytes];
    private long _written;

    /// <summary>Reads one of the child's streams to its end.</summary>
    public async Task ReadAsync(Stream stream)
    {
        var buffer = new byte[MaxBytes];
        try
        {
            while (await stream.ReadAsync(buffer).ConfigureAwait(false) is > 0 and var read)
            {
                lock (_gate)
                {
                    foreach (var b in buffer.AsSpan(0, read))
                        _ring[_written++ % MaxBytes] = b;
                }
                if (read > MaxBytes / 4)
                    await Task.Delay(Breath, time, hurry).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The child is gone.
        }
    }

    /// <summary>Its last lines, without control characters; empty when it said nothing.</summary>
    public override string ToString()
    {
        string text;
        lock (_gate)
        {
            var count = (int)Math.Min(_written, MaxBytes);
            var bytes = new byte[count];
            for (var i = 0; i < count; i++)
                bytes[i] = _ring[(_written - count + i) % MaxBytes];
            text = Encoding.UTF8.GetString(bytes);
        }
        return Clean(text);
    }

    /// <summary>Text of a worker as it may be shown: lines, no other control characters, the last of them.</summary>
    public static string Clean(string text)
    {
        var plain = string.Concat(text.ReplaceLineEndings("\n").Select(c => c == '\n' || !char.IsControl(c) ? c : ' '));
        var lines = plain.Split('\n').Select(l => l.TrimEnd()).Where(l => l.Length > 0).TakeLast(MaxLines).Select(l => l.Length > 400 ? l[..400] : l);
        return string.Join('\n', lines);
    }
}
