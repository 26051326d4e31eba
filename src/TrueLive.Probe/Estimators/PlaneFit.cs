using System.Numerics.Tensors;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Estimators;

/// <summary>One plane of the output with its sums and weights for either half.</summary>
internal sealed class PlaneFit(int width, int height, int offset, int index)
{
    private readonly float[] _rest = new float[width * height];

    public int Index => index;

    public int Samples { get; } = (width * height + NatureFit.Lattice - 1) / NatureFit.Lattice;

    public float[] Values { get; } = new float[width * height];

    public PlaneSums[] Sums { get; } = [new(index, (width * height + NatureFit.Lattice - 1) / NatureFit.Lattice),
        new(index, (width * height + NatureFit.Lattice - 1) / NatureFit.Lattice)];

    public float[] Output(byte[] planes)
    {
        TensorPrimitives.ConvertChecked<byte, float>(planes.AsSpan(offset, Values.Length), Values);
        return Values;
    }

    public float[] Sampled(float[] plane)
    {
        var sampled = new float[Samples];
        for (var k = 0; k < sampled.Length; k++)
            sampled[k] = plane[k * NatureFit.Lattice];
        return sampled;
    }

    public void Solve()
    {
        foreach (var sums in Sums)
            sums.Solve();
    }

    public float[] Rest(float[] output, float[][] terms, double[] weights)
    {
        output.CopyTo(_rest.AsSpan());
        for (var t = 0; t < weights.Length; t++)
        {
            if (weights[t] != 0)
                TensorPrimitives.MultiplyAdd(terms[t], (float)(-255 * weights[t]), _rest, _rest);
        }
        return _rest;
    }

    /// <summary>Writes the last residual, that of the largest model, into a picture around middle grey.</summary>
    public void Show(Picture picture)
    {
        var to = index == 0 ? picture.Y : index == 1 ? picture.U : picture.V;
        for (var k = 0; k < to.Length; k++)
            to[k] = 128 + _rest[k / picture.Width * height / picture.Height * width + k % picture.Width * width / picture.Width];
    }
}

/// <summary>Normal equations of one plane over the sampled pixels, with each pixel's mean over time subtracted.</summary>
internal sealed class PlaneSums(int index, int samples)
{
    private const int Terms = LocalTerms.Count;
    private readonly double[,] _gram = new double[Terms, Terms];
    private readonly double[] _right = new double[Terms];
    private readonly float[][] _means = [.. Enumerable.Range(0, Terms + 1).Select(_ => new float[samples])];
    private readonly float[][] _now = [.. Enumerable.Range(0, Terms + 1).Select(_ => new float[samples])];
    private int _count;

    /// <summary>Weights of the three models.</summary>
    public double[][] Weights { get; } = new double[NatureFit.Models][];

    public void Add(LocalTerms terms, float[] output)
    {
        for (var t = 0; t <= Terms; t++)
        {
            var from = t < Terms ? terms.Planes[t] : output;
            for (var k = 0; k < samples; k++)
                _now[t][k] = from[k * NatureFit.Lattice];
            TensorPrimitives.Add(_means[t], _now[t], _means[t]);
        }
        Multiply(_now, 1);
        _count++;
    }

    public void Solve()
    {
        foreach (var mean in _means)
            TensorPrimitives.Divide(mean, _count, mean);
        Multiply(_means, -_count);
        var own = new double[Terms];
        own[index] = _gram[index, index] > 1e-9 ? _right[index] / 255 / _gram[index, index] : 0;
        Weights[0] = own;
        foreach (var (model, terms) in new[] { (1, LocalTerms.Colour), (2, Terms) })
        {
            var gram = new double[terms, terms];
            for (var a = 0; a < terms; a++)
            {
                for (var b = 0; b < terms; b++)
                    gram[a, b] = _gram[Math.Max(a, b), Math.Min(a, b)];
                gram[a, a] += 1e-4 * gram[a, a] + 1e-6 * _count;
            }
            Weights[model] = [.. _right.Take(terms).Select(r => r / 255)];
            SymmetricEigen.CholeskySolve(gram, [Weights[model]]);
        }
    }

    private void Multiply(float[][] values, double sign)
    {
        for (var a = 0; a < Terms; a++)
        {
            for (var b = 0; b <= a; b++)
                _gram[a, b] += sign * TensorPrimitives.Dot<float>(values[a], values[b]);
            _right[a] += sign * TensorPrimitives.Dot<float>(values[a], values[Terms]);
        }
    }
}
