namespace TrueLive.Probe.Stimuli;

/// <summary>
/// A wide, horizontally periodic backdrop made from the seed: several octaves of smooth noise with bars or boxes, in three
/// planes with a wrapped tail, so that any camera position is one contiguous read per row. Drawn in units of the analysed picture:
/// the same seed gives the same scene at every size.
/// </summary>
internal sealed class SceneTexture
{
    private const int UnitPeriod = 2 * Picture.AnalysisWidth;
    private const int UnitHeight = Picture.AnalysisHeight;

    public SceneTexture(int width, int height, SeedStream stream)
    {
        Period = 2 * width;
        Stride = 3 * width + 2;
        Height = height;
        var bars = stream.NextInt(3);
        Y = Plane(stream, 118, 46, bars);
        U = Plane(stream, 128, 20, 0);
        V = Plane(stream, 128, 20, 0);
    }

    public int Period { get; }

    public int Stride { get; }

    public int Height { get; }

    public float[] Y { get; }

    public float[] U { get; }

    public float[] V { get; }

    private float[] Plane(SeedStream stream, float mean, float contrast, int boxes)
    {
        var plane = new float[Stride * Height];
        Array.Fill(plane, mean);
        var cell = UnitHeight;
        var strength = contrast;
        for (var octave = 0; octave < 5 && cell >= 3; octave++)
        {
            AddNoise(plane, stream, cell, strength);
            cell /= 2;
            strength *= 0.62f;
        }
        for (var k = 0; k < boxes * 9; k++)
            AddBox(plane, stream, contrast);
        for (var y = 0; y < Height; y++)
            plane.AsSpan(y * Stride, Stride - Period).CopyTo(plane.AsSpan(y * Stride + Period, Stride - Period));
        return plane;
    }

    private void AddNoise(float[] plane, SeedStream stream, int cell, float strength)
    {
        var across = Math.Max(2, UnitPeriod / cell);
        var down = UnitHeight / cell + 3;
        var grid = new float[across * down];
        for (var k = 0; k < grid.Length; k++)
            grid[k] = (float)stream.NextDouble(-1, 1);
        for (var y = 0; y < Height; y++)
        {
            var gy = Math.Max(0, (y + 0.5f) * UnitHeight / Height - 0.5f) / cell;
            var row = (int)gy;
            var v = Smooth(gy - row);
            for (var x = 0; x < Period; x++)
            {
                var gx = Math.Max(0, (x + 0.5f) * UnitPeriod / Period - 0.5f) * across / UnitPeriod;
                var column = (int)gx;
                var u = Smooth(gx - column);
                var next = (column + 1) % across;
                var top = grid[row * across + column] * (1 - u) + grid[row * across + next] * u;
                var bottom = grid[(row + 1) * across + column] * (1 - u) + grid[(row + 1) * across + next] * u;
                plane[y * Stride + x] += strength * (top * (1 - v) + bottom * v);
            }
        }
    }

    private void AddBox(float[] plane, SeedStream stream, float contrast)
    {
        var left = stream.NextInt(UnitPeriod);
        var right = left + (int)(UnitPeriod * stream.NextDouble(0.02, 0.08));
        var top = (int)(UnitHeight * stream.NextDouble(0, 0.7));
        var bottom = Math.Min(UnitHeight, top + (int)(UnitHeight * stream.NextDouble(0.1, 0.6)));
        var level = (float)stream.NextDouble(-contrast, contrast);
        for (var y = top * Height / UnitHeight; y < bottom * Height / UnitHeight; y++)
        {
            for (var x = left * Period / UnitPeriod; x < right * Period / UnitPeriod; x++)
                plane[y * Stride + x % Period] += level;
        }
    }

    private static float Smooth(float x) => x * x * (3 - 2 * x);
}
