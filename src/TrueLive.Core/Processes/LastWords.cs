using System.Text;

namespace TrueLive.Core.Processes;

/// <summary>The last lines that a child process wrote, read at a bounded rate and kept in bounded memory. Thread-safe.</summary>
/// <param name="time">Clock.</param>
/// <param name="hurry">The child is being ended: what it still wrote is read without pauses.</param>
public sealed class LastWords(TimeProvider time, CancellationToken hurry)
{
    private const int MaxBytes = 16 << 10;
    private const int MaxLines = 64;

    // A child that writes without end must not take up a core: the pipe fills up and blocks it.
    private static readonly TimeSpan Breath = TimeSpan.FromMilliseconds(5);

    private readonly Lock _gate = new();
    private readonly byte[] _ring = new byte[MaxBytes];
    private long _written;

    /// <summary>Reads an output stream of the child to its end.</summary>
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
            // The child has exited.
        }
    }

    /// <summary>The last lines, without control characters; empty if the child wrote nothing.</summary>
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

    /// <summary>How a child ended, as a sentence, by the exit code that a shell would give it.</summary>
    public static string EndOf(int code) => code switch
    {
        0 => "It ended by itself.",
        137 => "It was killed (signal 9).",
        > 128 => $"It was ended by signal {code - 128}.",
        _ => $"It ended with exit code {code}.",
    };

    /// <summary>A child's text made safe for display: the last lines, without control characters other than line breaks.</summary>
    public static string Clean(string text)
    {
        var plain = string.Concat(text.ReplaceLineEndings("\n").Select(c => c == '\n' || !char.IsControl(c) ? c : ' '));
        var lines = plain.Split('\n').Select(l => l.TrimEnd()).Where(l => l.Length > 0).TakeLast(MaxLines)
            .Select(l => l.Length > 400 ? l[..400] : l);
        return string.Join('\n', lines);
    }
}
