namespace TrueLive.Probe.Estimators;

/// <summary>Small dense linear algebra: cyclic Jacobi eigenvalues and Cholesky solves, in fixed order so that results repeat.</summary>
internal static class SymmetricEigen
{
    /// <summary>Eigenvalues in falling order and eigenvectors as columns.</summary>
    public static (double[] Values, double[,] Vectors) Decompose(double[,] matrix)
    {
        var n = matrix.GetLength(0);
        var a = (double[,])matrix.Clone();
        var v = new double[n, n];
        for (var k = 0; k < n; k++)
            v[k, k] = 1;
        for (var sweep = 0; sweep < 30 && OffDiagonal(a) > 1e-18 * Trace2(a); sweep++)
        {
            for (var p = 0; p < n - 1; p++)
            {
                for (var q = p + 1; q < n; q++)
                    Rotate(a, v, p, q, n);
            }
        }
        var order = Enumerable.Range(0, n).OrderByDescending(k => a[k, k]).ThenBy(k => k).ToArray();
        var values = new double[n];
        var vectors = new double[n, n];
        for (var c = 0; c < n; c++)
        {
            values[c] = Math.Max(0, a[order[c], order[c]]);
            for (var r = 0; r < n; r++)
                vectors[r, c] = v[r, order[c]];
        }
        return (values, vectors);
    }

    /// <summary>Solves A x = b for a positive definite A, for each right-hand side; A is overwritten.</summary>
    public static void CholeskySolve(double[,] a, double[][] rightHandSides)
    {
        var n = a.GetLength(0);
        for (var j = 0; j < n; j++)
        {
            for (var i = j; i < n; i++)
            {
                var sum = a[i, j];
                for (var k = 0; k < j; k++)
                    sum -= a[i, k] * a[j, k];
                a[i, j] = i == j ? Math.Sqrt(Math.Max(sum, 1e-12)) : sum / a[j, j];
            }
        }
        foreach (var b in rightHandSides)
        {
            for (var i = 0; i < n; i++)
            {
                for (var k = 0; k < i; k++)
                    b[i] -= a[i, k] * b[k];
                b[i] /= a[i, i];
            }
            for (var i = n - 1; i >= 0; i--)
            {
                for (var k = i + 1; k < n; k++)
                    b[i] -= a[k, i] * b[k];
                b[i] /= a[i, i];
            }
        }
    }

    private static void Rotate(double[,] a, double[,] v, int p, int q, int n)
    {
        if (Math.Abs(a[p, q]) < 1e-300)
            return;
        var theta = (a[q, q] - a[p, p]) / (2 * a[p, q]);
        var t = (theta >= 0 ? 1 : -1) / (Math.Abs(theta) + Math.Sqrt(theta * theta + 1));
        var c = 1 / Math.Sqrt(t * t + 1);
        var s = t * c;
        for (var k = 0; k < n; k++)
            (a[k, p], a[k, q]) = (c * a[k, p] - s * a[k, q], s * a[k, p] + c * a[k, q]);
        for (var k = 0; k < n; k++)
            (a[p, k], a[q, k]) = (c * a[p, k] - s * a[q, k], s * a[p, k] + c * a[q, k]);
        for (var k = 0; k < n; k++)
            (v[k, p], v[k, q]) = (c * v[k, p] - s * v[k, q], s * v[k, p] + c * v[k, q]);
    }

    private static double OffDiagonal(double[,] a)
    {
        double sum = 0;
        for (var i = 0; i < a.GetLength(0); i++)
        {
            for (var j = 0; j < i; j++)
                sum += a[i, j] * a[i, j];
        }
        return sum;
    }

    private static double Trace2(double[,] a)
    {
        double sum = 1e-300;
        for (var i = 0; i < a.GetLength(0); i++)
            sum += a[i, i] * a[i, i];
        return sum;
    }
}
