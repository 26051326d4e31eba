namespace TrueLive.Probe.Estimators;

/// <summary>
/// How often the same pictures in another order seem to repeat as closely. An output of few states looks like a repeat at some lag in any
/// order, a loop only in its own. Blocks of one to two seconds are moved as wholes, so that what lasts a moment is kept; no two pictures
/// that are compared come from the same block. The blocks differ in length: equal ones could keep the phase of a loop.
/// </summary>
/// <param name="apart">Distance of each two pictures.</param>
/// <param name="lag">The lag at which they seem to repeat.</param>
/// <param name="longest">End of the lags that are searched.</param>
internal sealed class RepeatShuffles(float[,] apart, int lag, int longest)
{
    private const int LongestBlock = 20;
    private const int Redraws = 999;
    private const int Hopeless = 10;

    private readonly int _length = apart.GetLength(0);
    private readonly int _block = Math.Min(LongestBlock, lag);

    /// <summary>Share of shuffled copies in which the median distance is as small at any lag from the block's length on.</summary>
    public double P(double distance)
    {
        var close = new byte[_length * _length];
        for (var a = 0; a < _length; a++)
        {
            for (var b = 0; b < _length; b++)
                close[a * _length + b] = apart[a, b] <= distance ? (byte)1 : (byte)0;
        }
        var random = new Random(20261130);
        var (above, drawn) = (0, 0);
        while (drawn < Redraws && above < Hopeless)
        {
            drawn++;
            above += Repeats(Shuffled(random), close) ? 1 : 0;
        }
        return (1.0 + above) / (drawn + 1);
    }

    private int[] Shuffled(Random random)
    {
        var blocks = new List<(int From, int Count)>();
        for (var from = 0; from < _length; from += blocks[^1].Count)
            blocks.Add((from, Math.Min(random.Next((_block + 1) / 2, _block + 1), _length - from)));
        var order = blocks.ToArray();
        random.Shuffle(order);
        return [.. order.SelectMany(b => Enumerable.Range(b.From, b.Count))];
    }

    private bool Repeats(int[] order, byte[] close)
    {
        for (var l = _block; l < longest; l++)
        {
            var count = 0;
            for (var t = 0; t + l < _length; t++)
                count += close[order[t] * _length + order[t + l]];
            if (count > (_length - l) / 2)
                return true;
        }
        return false;
    }
}
