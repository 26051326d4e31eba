using System.Collections.Concurrent;
using TrueLive.Models.Convolutions;

namespace TrueLive.Models.Tests.Convolutions;

/// <summary>Chains of layers, against naive convolutions.</summary>
public sealed unsafe class ConvSessionTests
{
    private const int ScreenHeight = 4;
    private const int ScreenWidth = 2;

    private readonly Random _random = new(3);

    private float[] Numbers(int count, float size) => [.. Enumerable.Range(0, count).Select(_ => (2 * _random.NextSingle() - 1) * size)];

    private ConvLayer Layer(int input, int ins, int outs, int kernel, int stride, int dilation, int divide) =>
        new(input, ins, outs, kernel, stride, dilation, Numbers(outs * ins * kernel * kernel, 1.5f / (kernel * MathF.Sqrt(ins))),
            Numbers(outs, 0.3f))
        { Divide = divide };

    private ConvLayer[] Chain() =>
    [
        Layer(-1, 10, 16, 3, 2, 1, 2) with { Relu = true },
        Layer(0, 16, 32, 3, 2, 1, 4) with { Relu = true },
        Layer(1, 32, 32, 3, 1, 1, 4) with { Scale = "scale", Shift = "shift", Relu = true },
        Layer(2, 32, 32, 3, 1, 1, 4) with { Residual = 1 },
        Layer(3, 32, 48, 3, 2, 1, 8) with { Relu = true },
        Layer(4, 48, 48, 3, 1, 2, 8) with { Shift = "shift", Relu = true },
        Layer(5, 48, 48, 3, 1, 1, 8) with { Residual = 4 },
        Layer(6, 48, 32, 1, 1, 1, 4) with { Doubled = true, Residual = 3 },
        Layer(7, 32, 16, 1, 1, 1, 2) with { Doubled = true, Residual = 0, Relu = true },
        Layer(8, 16, 16, 3, 1, 1, 2) with { Scale = "scale", Screened = true, Relu = true },
        Layer(9, 16, 16, 3, 1, 1, 2),
    ];

    // Layers of kinds that the shipped model does not use.
    private ConvLayer[] Other() =>
    [
        Layer(-1, 10, 32, 3, 2, 1, 2) with { Shift = "shift" },
        Layer(0, 32, 64, 3, 1, 1, 2) with { Scale = "scale" },
        Layer(1, 64, 16, 3, 1, 2, 2) with { Residual = null, Relu = true },
        Layer(2, 16, 16, 1, 1, 1, 2) with { Scale = "scale", Residual = 2 },
        Layer(3, 16, 80, 3, 2, 1, 4) with { Relu = true },
        Layer(4, 80, 16, 3, 2, 1, 8),
        Layer(5, 16, 16, 3, 2, 1, 16) with { Relu = true },
        Layer(6, 16, 16, 1, 1, 1, 8) with { Doubled = true, Scale = "scale", Shift = "shift", Residual = 5 },
        Layer(7, 16, 16, 1, 1, 1, 4) with { Doubled = true },
        Layer(8, 16, 32, 1, 1, 1, 2) with { Doubled = true, Residual = 0, Relu = true },
        Layer(9, 32, 16, 1, 1, 1, 2) with { Screened = true },
    ];

    private float[] Of(string? name, int channels) => name is null ? [] : Numbers(channels, 0.8f);

    // Channels x height x width, in doubles.
    private static double[] Naive(ConvLayer layer, double[] from, double[]? residual, float[] scale, float[] shift, int width, int height)
    {
        int copies = layer.Doubled ? 2 : 1, w = width / layer.Divide / copies, h = height / layer.Divide / copies, inW = w * layer.Stride,
        inH = h * layer.Stride;
        var to = new double[layer.Out * w * h * copies * copies];
        for (var o = 0; o < layer.Out; o++)
        {
            for (var at = 0; at < w * h; at++)
            {
                int x = at % w, y = at / w;
                double sum = layer.Bias[o];
                for (int ky = 0, weight = o * layer.In * layer.Kernel * layer.Kernel; ky < layer.Kernel; ky++)
                {
                    for (var kx = 0; kx < layer.Kernel; kx++, weight++)
                    {
                        int fromX = x * layer.Stride + (kx - layer.Kernel / 2) * layer.Dilation,
                        fromY = y * layer.Stride + (ky - layer.Kernel / 2) * layer.Dilation;
                        if (fromX < 0 || fromX >= inW || fromY < 0 || fromY >= inH)
                            continue;
                        for (var i = 0; i < layer.In; i++)
                            sum += from[(i * inH + fromY) * inW + fromX] * layer.Weights[weight + i * layer.Kernel * layer.Kernel];
                    }
                }
                if (scale.Length > 0)
                    sum *= scale[o];
                if (shift.Length > 0)
                    sum += layer.Screened ? shift[(o * ScreenHeight + y % ScreenHeight) * ScreenWidth + x % ScreenWidth] : shift[o];
                for (var copy = 0; copy < copies * copies; copy++)
                {
                    var place = (o * h * copies + y * copies + copy / copies) * w * copies + x * copies + copy % copies;
                    var value = sum + (residual?[place] ?? 0);
                    to[place] = layer.Relu ? Math.Max(0, value) : value;
                }
            }
        }
        return to;
    }

    /// <summary>
    /// A layer whose bands are late now and then, so that threads overtake each other; it counts the threads that computed it.
    /// </summary>
    private sealed class Late(Convolution inner, ConcurrentDictionary<int, int> threads) : Convolution(inner.Layer)
    {
        public override int BandRows => inner.BandRows;

        public override int ScratchLength => inner.ScratchLength;

        public override void Run(float* from, nint row, LayerOutput to, int width, int height, int band, Scratch scratch)
        {
            threads.TryAdd(Environment.CurrentManagedThreadId, 0);
            if (Random.Shared.Next(8) == 0)
                Thread.SpinWait(Random.Shared.Next(40_000));
            inner.Run(from, row, to, width, height, band, scratch);
        }
    }

    // Sizes whose eighth leaves every remainder of a division by four, odd ones among them; and the smallest picture.
    [Theory]
    [InlineData(false, 192, 192)]
    [InlineData(false, 200, 208)]
    [InlineData(false, 216, 200)]
    [InlineData(false, 264, 216)]
    [InlineData(false, 24, 24)]
    [InlineData(true, 192, 208)]
    [InlineData(true, 48, 32)]
    [Trait("Run", "long")]
    public void Every_kind_of_layer_makes_the_sums_that_are_written_down_whatever_the_threads(bool other, int width, int height)
    {
        Assert.SkipUnless(Microkernel.IsSupported, "This processor leaves convolutions to the runtime.");
        var layers = other ? Other() : Chain();
        var scales = layers.Select(l => Of(l.Scale, l.Out)).ToArray();
        var shifts = layers.Select(l => l.Screened ? Numbers(l.Out * ScreenHeight * ScreenWidth, 0.8f) : Of(l.Shift, l.Out)).ToArray();
        var planes = new AlignedFloats(10 * width * height);
        Numbers(planes.Length, 1).CopyTo(planes.Span);

        var wanted = new List<double[]>();
        for (var i = 0; i < layers.Length; i++)
            wanted.Add(Naive(layers[i], layers[i].Input < 0 ? [.. planes.Span.ToArray().Select(v => (double)v)] : wanted[layers[i].Input],
                layers[i].Residual is { } r ? wanted[r] : null, scales[i], shifts[i], width, height));

        float[]? first = null;
        var claimed = 0L;
        var workers = new ConcurrentDictionary<int, int>();
        var began = TimeProvider.System.GetTimestamp();
        bool IsHung() => TimeProvider.System.GetElapsedTime(began) > TimeSpan.FromMinutes(5);
        foreach (var threads in new[] { 1, 2, 4 })
        {
            var result = new AlignedFloats(4 * width * height);
            var session = new ConvSession([.. layers.Select(l => new Late(Convolution.Of(l), workers))], width, height, ScreenHeight,
                ScreenWidth, result.Start, threads, bytes => claimed += bytes);
            for (var i = 0; i < layers.Length; i++)
                session.SetStyle(i, scales[i], shifts[i]);
            // On a busy machine the others may come too late for many runs.
            for (var run = 0; run < (threads == 1 ? 2 : 12) || (threads == 4 && workers.Count == 1 && !IsHung()); run++)
            {
                result.Span.Fill(float.NaN);
                session.Run(planes.Start, helped: threads > 1, () => false);
                first ??= result.Span.ToArray();
                Assert.True(result.Span.SequenceEqual(first));
            }
        }
        for (var i = 0; i < first!.Length; i++)
            Assert.InRange(first[i] - wanted[^1][i], -1e-4, 1e-4);
        Assert.True(claimed > 0);
        Assert.True(workers.Count > 1, "No other thread helped.");
    }

    [Fact]
    public void A_run_that_is_given_up_says_so_and_the_next_one_is_whole()
    {
        Assert.SkipUnless(Microkernel.IsSupported, "This processor leaves convolutions to the runtime.");
        var layers = Chain();
        var planes = new AlignedFloats(10 * 192 * 192);
        Numbers(planes.Length, 1).CopyTo(planes.Span);
        var result = new AlignedFloats(4 * 192 * 192);
        var session = new ConvSession([.. layers.Select(Convolution.Of)], 192, 192, ScreenHeight, ScreenWidth, result.Start, 2, _ => { });
        session.Run(planes.Start, helped: true, () => false);
        var whole = result.Span.ToArray();
        var asked = 0;
        Assert.Throws<OperationCanceledException>(() =>
            session.Run(planes.Start, helped: true, () => Interlocked.Increment(ref asked) > 30));
        result.Span.Clear();
        session.Run(planes.Start, helped: true, () => false);
        Assert.True(result.Span.SequenceEqual(whole));
    }

    [Fact]
    public void Memory_that_is_refused_is_not_taken() =>
        Assert.Throws<NotSupportedException>(() => new ConvSession([.. Chain().Select(Convolution.Of)], 192, 192, ScreenHeight, ScreenWidth,
            null, 1, _ => throw new NotSupportedException()));
}
