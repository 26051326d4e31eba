using TrueLive.Models.Convolutions;

namespace TrueLive.Models.Tests.Convolutions;

/// <summary>Chains of layers with every shape that is taken, against sums as they are written down.</summary>
public sealed unsafe class ConvSessionTests
{
    private const int ScreenHeight = 4;
    private const int ScreenWidth = 2;

    private readonly Random _random = new(3);

    private float[] Numbers(int count, float size) => [.. Enumerable.Range(0, count).Select(_ => (2 * _random.NextSingle() - 1) * size)];

    private ConvLayer Layer(int input, int ins, int outs, int kernel, int stride, int dilation, int divide) =>
        new(input, ins, outs, kernel, stride, dilation, Numbers(outs * ins * kernel * kernel, 1.5f / (kernel * MathF.Sqrt(ins))), Numbers(outs, 0.3f)) { Divide = divide };

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

    private float[] Of(string? name, int channels) => name is null ? [] : Numbers(channels, 0.8f);

    // Channels x height x width, in doubles.
    private static double[] Naive(ConvLayer layer, double[] from, double[]? residual, float[] scale, float[] shift, int width, int height)
    {
        int copies = layer.Doubled ? 2 : 1, w = width / layer.Divide / copies, h = height / layer.Divide / copies, inW = w * layer.Stride, inH = h * layer.Stride;
        var to = new double[layer.Out * w * h * copies * copies];
        for (var o = 0; o < layer.Out; o++)
        {
            for (var at = 0; at < w * h; at++)
            {
                int x = at % w, y = at / w;
                double sum = layer.Bias[o];
                for (var tap = 0; tap < layer.In * layer.Kernel * layer.Kernel; tap++)
                {
                    int i = tap / (layer.Kernel * layer.Kernel), k = tap % (layer.Kernel * layer.Kernel);
                    int fromX = x * layer.Stride + (k % layer.Kernel - layer.Kernel / 2) * layer.Dilation, fromY = y * layer.Stride + (k / layer.Kernel - layer.Kernel / 2) * layer.Dilation;
                    if (fromX >= 0 && fromX < inW && fromY >= 0 && fromY < inH)
                        sum += from[(i * inH + fromY) * inW + fromX] * layer.Weights[o * layer.In * layer.Kernel * layer.Kernel + tap];
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

    // Widths and heights of an eighth that leave every rest by four, odd ones among them.
    [Theory]
    [InlineData(192, 192)]
    [InlineData(200, 208)]
    [InlineData(216, 200)]
    [InlineData(264, 216)]
    public void Every_kind_of_layer_makes_the_sums_that_are_written_down_whatever_the_threads(int width, int height)
    {
        Assert.SkipUnless(Microkernel.IsSupported, "This processor leaves convolutions to the runtime.");
        var layers = Chain();
        var scales = layers.Select(l => Of(l.Scale, l.Out)).ToArray();
        var shifts = layers.Select(l => l.Screened ? Numbers(l.Out * ScreenHeight * ScreenWidth, 0.8f) : Of(l.Shift, l.Out)).ToArray();
        var planes = new AlignedFloats(10 * width * height);
        Numbers(planes.Length, 1).CopyTo(planes.Span);

        var wanted = new List<double[]>();
        for (var i = 0; i < layers.Length; i++)
            wanted.Add(Naive(layers[i], layers[i].Input < 0 ? [.. planes.Span.ToArray().Select(v => (double)v)] : wanted[layers[i].Input], layers[i].Residual is { } r ? wanted[r] : null, scales[i], shifts[i], width, height));

        float[]? first = null;
        foreach (var threads in new[] { 1, 2, 4 })
        {
            var result = new AlignedFloats(4 * width * height);
            var session = new ConvSession([.. layers.Select(Convolution.Of)], width, height, ScreenHeight, ScreenWidth, result.Start, threads);
            for (var i = 0; i < layers.Length; i++)
                session.Dress(i, scales[i], shifts[i]);
            for (var run = 0; run < 20; run++)
            {
                result.Span.Fill(float.NaN);
                session.Run(planes.Start, helped: threads > 1);
                first ??= result.Span.ToArray();
                Assert.True(result.Span.SequenceEqual(first));
            }
        }
        for (var i = 0; i < first!.Length; i++)
            Assert.InRange(first[i] - wanted[^1][i], -1e-4, 1e-4);
    }
}
