using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace TrueLive.Models.Convolutions;

/// <summary>
/// The inner loop of every convolution: some rows times a matrix of 16 columns, with all sums kept in registers. Fully optimised at the
/// first call instead of by tiered compilation: a server measures its first steps.
/// </summary>
internal static unsafe class Microkernel
{
    /// <summary>Columns of a block of weights, and channels of an output block.</summary>
    public const int Columns = 16;

    /// <summary>Whether this processor has the vector instructions; without them this would be slower than the runtime.</summary>
    public static bool IsSupported => Vector256.IsHardwareAccelerated && Fma.IsSupported;

    /// <summary>
    /// <c>c[i][n] = sum over s and k of a[i * row + segments[s] + k] * weights[s * length + k][n]</c> for i below <paramref name="rows"/>.
    /// </summary>
    /// <param name="rows">Rows, a multiple of 4.</param>
    /// <param name="a">The first number of the first row.</param>
    /// <param name="row">Stride of the rows, in floats.</param>
    /// <param name="segments">Offsets of a row's segments.</param>
    /// <param name="count">Number of segments.</param>
    /// <param name="length">Contiguous floats in a segment.</param>
    /// <param name="weights">count * length rows of 16.</param>
    /// <param name="c">The results.</param>
    /// <param name="to">Stride of the rows of the results, in floats.</param>
    public static void Rows(int rows, float* a, nint row, nint* segments, int count, int length, float* weights, float* c, nint to)
    {
        if (Vector512.IsHardwareAccelerated)
        {
            for (; rows >= 8; rows -= 8, a += 8 * row, c += 8 * to)
                Eight(a, row, segments, count, length, weights, c, to);
            if (rows > 0)
                Four512(a, row, segments, count, length, weights, c, to);
            return;
        }
        for (; rows > 0; rows -= 4, a += 4 * row, c += 4 * to)
            Four256(a, row, segments, count, length, weights, c, to);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Eight(float* a, nint row, nint* segments, int count, int length, float* weights, float* c, nint to)
    {
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default, c6 = default, c7 = default;
        nint r2 = 2 * row, r3 = 3 * row, r4 = 4 * row, r5 = 5 * row, r6 = 6 * row, r7 = 7 * row;
        for (var s = 0; s < count; s++)
        {
            var p = a + segments[s];
            for (var end = p + length; p < end; p++, weights += Columns)
            {
                var w = Vector512.Load(weights);
                c0 = Vector512.FusedMultiplyAdd(Vector512.Create(*p), w, c0);
                c1 = Vector512.FusedMultiplyAdd(Vector512.Create(p[row]), w, c1);
                c2 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r2]), w, c2);
                c3 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r3]), w, c3);
                c4 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r4]), w, c4);
                c5 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r5]), w, c5);
                c6 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r6]), w, c6);
                c7 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r7]), w, c7);
            }
        }
        c0.Store(c);
        c1.Store(c + to);
        c2.Store(c + 2 * to);
        c3.Store(c + 3 * to);
        c4.Store(c + 4 * to);
        c5.Store(c + 5 * to);
        c6.Store(c + 6 * to);
        c7.Store(c + 7 * to);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four512(float* a, nint row, nint* segments, int count, int length, float* weights, float* c, nint to)
    {
        Vector512<float> c0 = default, c1 = default, c2 = default, c3 = default;
        nint r2 = 2 * row, r3 = 3 * row;
        for (var s = 0; s < count; s++)
        {
            var p = a + segments[s];
            for (var end = p + length; p < end; p++, weights += Columns)
            {
                var w = Vector512.Load(weights);
                c0 = Vector512.FusedMultiplyAdd(Vector512.Create(*p), w, c0);
                c1 = Vector512.FusedMultiplyAdd(Vector512.Create(p[row]), w, c1);
                c2 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r2]), w, c2);
                c3 = Vector512.FusedMultiplyAdd(Vector512.Create(p[r3]), w, c3);
            }
        }
        c0.Store(c);
        c1.Store(c + to);
        c2.Store(c + 2 * to);
        c3.Store(c + 3 * to);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Four256(float* a, nint row, nint* segments, int count, int length, float* weights, float* c, nint to)
    {
        Vector256<float> c0 = default, c1 = default, c2 = default, c3 = default, d0 = default, d1 = default, d2 = default, d3 = default;
        nint r2 = 2 * row, r3 = 3 * row;
        for (var s = 0; s < count; s++)
        {
            var p = a + segments[s];
            for (var end = p + length; p < end; p++, weights += Columns)
            {
                Vector256<float> v = Vector256.Load(weights), w = Vector256.Load(weights + 8);
                var x = Vector256.Create(*p);
                (c0, d0) = (Fma.MultiplyAdd(x, v, c0), Fma.MultiplyAdd(x, w, d0));
                x = Vector256.Create(p[row]);
                (c1, d1) = (Fma.MultiplyAdd(x, v, c1), Fma.MultiplyAdd(x, w, d1));
                x = Vector256.Create(p[r2]);
                (c2, d2) = (Fma.MultiplyAdd(x, v, c2), Fma.MultiplyAdd(x, w, d2));
                x = Vector256.Create(p[r3]);
                (c3, d3) = (Fma.MultiplyAdd(x, v, c3), Fma.MultiplyAdd(x, w, d3));
            }
        }
        c0.Store(c);
        d0.Store(c + 8);
        c1.Store(c + to);
        d1.Store(c + to + 8);
        c2.Store(c + 2 * to);
        d2.Store(c + 2 * to + 8);
        c3.Store(c + 3 * to);
        d3.Store(c + 3 * to + 8);
    }
}
