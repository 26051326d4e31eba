namespace TrueLive.Models.Palettes;

/// <summary>Nine numbers: three rows of three.</summary>
internal readonly record struct Matrix3(
    double A, double B, double C,
    double D, double E, double F,
    double G, double H, double I)
{
    // An angle is far below what a sample shows after three or four sweeps.
    private const int Sweeps = 6;

    public static Matrix3 Identity { get; } = Scale(1);

    public Matrix3 Transposed => new(A, D, G, B, E, H, C, F, I);

    public static Matrix3 Scale(double by) => new(by, 0, 0, 0, by, 0, 0, 0, by);

    public static Matrix3 operator +(in Matrix3 a, in Matrix3 b) =>
        new(a.A + b.A, a.B + b.B, a.C + b.C, a.D + b.D, a.E + b.E, a.F + b.F, a.G + b.G, a.H + b.H, a.I + b.I);

    public static Matrix3 operator *(in Matrix3 a, in Matrix3 b) => new(
        a.A * b.A + a.B * b.D + a.C * b.G, a.A * b.B + a.B * b.E + a.C * b.H, a.A * b.C + a.B * b.F + a.C * b.I,
        a.D * b.A + a.E * b.D + a.F * b.G, a.D * b.B + a.E * b.E + a.F * b.H, a.D * b.C + a.E * b.F + a.F * b.I,
        a.G * b.A + a.H * b.D + a.I * b.G, a.G * b.B + a.H * b.E + a.I * b.H, a.G * b.C + a.H * b.F + a.I * b.I);

    public static Matrix3 operator *(double by, in Matrix3 m) => Scale(by) * m;

    public static (double X, double Y, double Z) operator *(in Matrix3 m, (double X, double Y, double Z) v) =>
        (m.A * v.X + m.B * v.Y + m.C * v.Z, m.D * v.X + m.E * v.Y + m.F * v.Z, m.G * v.X + m.H * v.Y + m.I * v.Z);

    /// <summary>A function of a symmetric matrix: of each of its eigenvalues, which are taken as 0 where rounding made them less.</summary>
    public Matrix3 Map(Func<double, double> of)
    {
        var (m, axes) = (this, Identity);
        for (var sweep = 0; sweep < Sweeps; sweep++)
        {
            Turn(ref m, ref axes, Rotation(m.A, m.E, m.B, static (c, s) => new(c, s, 0, -s, c, 0, 0, 0, 1)));
            Turn(ref m, ref axes, Rotation(m.A, m.I, m.C, static (c, s) => new(c, 0, s, 0, 1, 0, -s, 0, c)));
            Turn(ref m, ref axes, Rotation(m.E, m.I, m.F, static (c, s) => new(1, 0, 0, 0, c, s, 0, -s, c)));
        }
        var values = new Matrix3(of(Math.Max(0, m.A)), 0, 0, 0, of(Math.Max(0, m.E)), 0, 0, 0, of(Math.Max(0, m.I)));
        return axes * values * axes.Transposed;
    }

    // Jacobi's rotation: it makes the number beside the diagonal zero.
    private static Matrix3 Rotation(double first, double second, double beside, Func<double, double, Matrix3> made)
    {
        if (beside == 0)
            return Identity;
        var slope = (second - first) / (2 * beside);
        var tangent = Math.CopySign(1, slope) / (Math.Abs(slope) + Math.Sqrt(1 + slope * slope));
        var cosine = 1 / Math.Sqrt(1 + tangent * tangent);
        return made(cosine, tangent * cosine);
    }

    private static void Turn(ref Matrix3 m, ref Matrix3 axes, in Matrix3 by)
    {
        m = by.Transposed * m * by;
        axes *= by;
    }
}
