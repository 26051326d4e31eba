using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace TrueLive.Cli;

/// <summary>
/// Watches whether the machine provides whole cores during a measurement. A virtual core can be one hyperthread of a core whose other
/// half runs another guest, or our own second virtual core; arithmetic then takes up to twice the processor time, and neither the load
/// average nor the steal time shows it. A thread does a fifth of a millisecond of multiplications 20 times a second and compares its own
/// processor time, which preemption does not change, with that of the fastest twentieth of all samples in this process.
/// </summary>
internal sealed partial class WholeCores : IDisposable
{
    // CLOCK_THREAD_CPUTIME_ID of clock_gettime(2).
    private const int ThreadProcessorTime = 3;
    private const int Multiplications = 160_000;

    // Cold caches and a lower clock rate cost a few percent; sharing a core costs 40 %.
    private const double StillWhole = 1.25;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);
    private static readonly Lock Gate = new();

    // The first hundred are discarded as a warm-up.
    private static readonly List<double> All = [.. Enumerable.Range(0, 200).Select(_ => Look()).Skip(100)];

    private readonly List<double> _taken = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Thread _watching;

    /// <summary>Starts watching; the thread takes less than 1 % of a core.</summary>
    public WholeCores()
    {
        _watching = new Thread(Watch) { IsBackground = true, Name = "Whole cores" };
        _watching.Start();
    }

    /// <summary>Share of the samples so far that found a whole core, 0..1, and their number.</summary>
    public (double Share, int Samples) Found
    {
        get
        {
            lock (Gate)
            {
                var whole = BenchReport.Percentile(All, 0.05) * StillWhole;
                return (_taken.Count == 0 ? 0 : (double)_taken.Count(t => t <= whole) / _taken.Count, _taken.Count);
            }
        }
    }

    /// <summary>A sentence for a report.</summary>
    public override string ToString()
    {
        var (share, samples) = Found;
        return string.Create(CultureInfo.InvariantCulture, $"A whole core was found in {share:0%} of {samples} looks at 20 a second");
    }

    public void Dispose()
    {
        _stop.Cancel();
        _watching.Join();
        _stop.Dispose();
    }

    private void Watch()
    {
        while (!_stop.Token.WaitHandle.WaitOne(Pause))
        {
            var took = Look();
            lock (Gate)
            {
                All.Add(took);
                _taken.Add(took);
            }
        }
    }

    // Ten independent chains keep both multipliers of a core busy, so that sharing the core becomes visible.
    private static double Look()
    {
        var began = ProcessorTime();
        var (a, b, c, d, e) = (Vector256.Create(1f), Vector256.Create(2f), Vector256.Create(3f), Vector256.Create(4f),
            Vector256.Create(5f));
        var (f, g, h, i, j) = (Vector256.Create(6f), Vector256.Create(7f), Vector256.Create(8f), Vector256.Create(9f),
            Vector256.Create(10f));
        var (by, and) = (Vector256.Create(0.999f), Vector256.Create(0.1f));
        for (var n = 0; n < Multiplications; n++)
        {
            a = Vector256.FusedMultiplyAdd(a, by, and);
            b = Vector256.FusedMultiplyAdd(b, by, and);
            c = Vector256.FusedMultiplyAdd(c, by, and);
            d = Vector256.FusedMultiplyAdd(d, by, and);
            e = Vector256.FusedMultiplyAdd(e, by, and);
            f = Vector256.FusedMultiplyAdd(f, by, and);
            g = Vector256.FusedMultiplyAdd(g, by, and);
            h = Vector256.FusedMultiplyAdd(h, by, and);
            i = Vector256.FusedMultiplyAdd(i, by, and);
            j = Vector256.FusedMultiplyAdd(j, by, and);
        }
        // The sum is never negative; the comparison keeps the compiler from removing the work.
        var sum = Vector256.Sum(a + b + c + d + e + f + g + h + i + j);
        return sum < 0 ? double.MaxValue : ProcessorTime() - began;
    }

    private static double ProcessorTime()
    {
        _ = Clock(ThreadProcessorTime, out var time);
        return time.Seconds + time.Nanoseconds / 1e9;
    }

    private struct TimeSpec
    {
        public nint Seconds;
        public nint Nanoseconds;
    }

    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    private static partial int Clock(int clock, out TimeSpec time);
}
