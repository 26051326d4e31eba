using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Core.Processes;
using TrueLive.Media.Codecs;
using TrueLive.Media.Isolated;

namespace TrueLive.Media.Tests.Isolated;

/// <summary>What somebody can do who has taken over a decode process, and what the server believes of what it says.</summary>
public sealed class DecoderJailTests
{
    // The version of Landlock that keeps signals in.
    private const int SignalsToo = 6;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_decoder_that_was_taken_over_gets_nowhere(bool bubblewrap)
    {
        Assert.SkipUnless(bubblewrap ? Bubblewrap.HasProc : Landlock.Version >= SignalsToo, bubblewrap
            ? "bubblewrap is not installed, or this system does not let it work." : "This kernel's Landlock is missing or too old.");
        var folder = Directory.CreateTempSubdirectory("truelive-jail-");
        try
        {
            var secret = Path.Combine(folder.FullName, "key.pem");
            await File.WriteAllTextAsync(secret, "secret", Cancel);
            var script = $$"""
                import os, socket, subprocess, threading
                def tries(what, way):
                    try:
                        way()
                        print('REACHED', what)
                    except OSError as refused:
                        print('refused', what)
                tries('a file', lambda: open('{{secret}}'))
                tries('the users', lambda: open('/etc/passwd'))
                tries('the settings', lambda: os.listdir('{{AppContext.BaseDirectory}}/models'))
                tries('a home', lambda: os.listdir('/root'))
                for folder in ['/', '/tmp', '/usr', '/dev/shm', '{{AppContext.BaseDirectory}}']:
                    tries('writing to ' + folder, lambda: open(folder + '/x', 'w'))
                tries('a socket', lambda: socket.socket())
                tries('a local socket', lambda: socket.socket(socket.AF_UNIX))
                tries('a pair', lambda: socket.socketpair())
                tries('a process', lambda: os.fork())
                tries('a program', lambda: subprocess.run(['true']))
                tries('the server', lambda: os.kill({{Environment.ProcessId}}, 0))
                tries('its memory', lambda: open('/proc/{{Environment.ProcessId}}/mem'))
                tries('a session', lambda: os.setsid())
                tries('a group', lambda: os.setpgid(0, 0))
                tries('shorter memory', lambda: os.ftruncate(8, 0))
                tries('memory that nobody counts', lambda: os.memfd_create('hidden'))
                for file in os.listdir('/proc/self/fd'):
                    if os.path.islink('/proc/self/fd/' + file) and 'filter' in os.readlink('/proc/self/fd/' + file):
                        tries('the filter', lambda: os.write(os.open('/proc/self/fd/' + file, os.O_RDWR), b'x'))
                thread = threading.Thread(target=lambda: print('a thread'))
                thread.start()
                thread.join()
                print(sorted(os.environ))
                """;
            using var memory = new SharedFrames(DecoderMemory.SlotBytes, DecoderMemory.Slots);
            using var process = Process.Start(DecoderJail.Around(memory.Path, ["/usr/bin/python3", "-c", script], bubblewrap))!;
            var errors = process.StandardError.ReadToEndAsync(Cancel);
            var said = (await process.StandardOutput.ReadToEndAsync(Cancel)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.Equal("", await errors);
            Assert.Contains("a thread", said);
            Assert.DoesNotContain("KEY", said[^1], StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(said, line => line.StartsWith("REACHED", StringComparison.Ordinal));
            Assert.Equal(20, said.Count(line => line.StartsWith("refused", StringComparison.Ordinal) && line != "refused the filter"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Theory]
    [InlineData("threading.stack_size(1 << 20)\nthreads = [threading.Thread(target=time.sleep, args=(3600,)) for _ in range(80)]\n[t.start() for t in threads]",
        "threads; at most 64 are taken")]
    [InlineData("held = mmap.mmap(-1, 160 << 20)\nfor at in range(0, len(held), 4096):\n    held[at] = 1",
        "MB of memory; at most 104 are taken")]
    public async Task A_decoder_that_was_taken_over_has_limits_that_the_kernel_does_not_keep(string does, string words)
    {
        var script = $"import mmap, threading, time\n{does}\ntime.sleep(3600)";
        var time = new FakeTimeProvider();
        using var run = new DecoderRun(time, memory =>
            DecoderJail.Around(memory, ["/usr/bin/python3", "-c", script], Bubblewrap.HasProc));
        var running = Task.Factory.StartNew(run.Run, Cancel, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        while (!running.IsCompleted)
        {
            Cancel.ThrowIfCancellationRequested();
            time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, Cancel);
        }
        Assert.Contains(words, (await running).Why, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_picture_that_an_answer_may_name_fits_into_the_memory()
    {
        var bytes = new byte[DecodeAnswer.Size];
        foreach (var width in Enumerable.Range(2, 64).Concat([1000, 1153, 2049, 3073, 4096, 4609, 8191, 8192]))
        {
            var height = (int)Math.Min(8192, VideoDecoder.MaxPixels / width);
            new DecodeAnswer(true, false, false, 0, 0, default, width, height, 0).Write(bytes);
            Assert.True(DecodeAnswer.TryRead(bytes, out _));
            var (luma, chroma) = ((width + 63) / 64 * 64L, ((width + 1) / 2 + 63) / 64 * 64L);
            Assert.True(luma * height + 2 * chroma * ((height + 1) / 2) <= DecoderMemory.SlotBytes,
                string.Create(CultureInfo.InvariantCulture, $"{width}x{height}"));
        }
    }

    [Theory]
    [InlineData(8193, 16, 0)]
    [InlineData(8192, 8192, 0)]
    [InlineData(-2, -2, 0)]
    [InlineData(1, 64, 0)]
    [InlineData(64, 64, 481)]
    [InlineData(64, 64, -1)]
    public void An_answer_beyond_the_limits_is_none(int width, int height, int trouble)
    {
        var bytes = new byte[DecodeAnswer.Size];
        new DecodeAnswer(true, false, false, 0, trouble, default, width, height, 0).Write(bytes);
        Assert.False(DecodeAnswer.TryRead(bytes, out _));
    }
}
