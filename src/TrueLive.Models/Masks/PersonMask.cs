using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>
/// Finds the persons in the frames of one stream, each in the frame itself, so that the mask never lags. Where the picture stands still the
/// mask stays near the last one, so that it does not flicker; where something moves it is taken as it is.
/// </summary>
internal sealed class PersonMask : IDisposable
{
    private const int Block = 8;

    // Mean difference of luma in a block from which on it counts as moving a little, and as moving.
    private const int Still = 4;
    private const int Moving = 10;

    // Share of the last mask, of 256, where the picture stands still.
    private const int Held = 204;

    // Below the first the mask is 0, from the second on it is 1; doubtful areas are small.
    private const float Low = 0.3f;
    private const float High = 0.7f;

    private static readonly byte[] Curve =
        [.. Enumerable.Range(0, 256).Select(i => (byte)(Math.Clamp((i / 255f - Low) / (High - Low), 0, 1) * 255 + 0.5f))];

    private readonly int _width;
    private readonly int _height;
    private readonly PersonNetwork.Run _network;
    private readonly FrameScaler _scaler;
    private readonly FramePool _pool = new("person mask", 4);
    private readonly int[] _motion;
    private byte[] _last;
    private byte[] _next;
    private byte[] _lastLuma;
    private byte[] _nextLuma;

    /// <param name="width">Width of the stream.</param>
    /// <param name="height">Height of the stream.</param>
    public PersonMask(int width, int height)
    {
        (_width, _height) = PersonNetwork.SizeFor(width, height);
        _network = new PersonNetwork.Run(_width, _height);
        _scaler = new FrameScaler(width, height, _width, _height);
        _motion = new int[_width / Block * (_height / Block)];
        (_last, _next, _lastLuma, _nextLuma) = (new byte[Pixels], new byte[Pixels], new byte[Pixels], new byte[Pixels]);
    }

    /// <summary>Length of what <see cref="Save"/> writes.</summary>
    public int SavedLength => 2 * Pixels;

    private int Pixels => _width * _height;

    /// <summary>Whether there is a last mask.</summary>
    public bool Follows { get; private set; }

    /// <summary>
    /// The mask of a frame, 255 for a person: luma at the network's size, and half of that in both planes of chroma. The caller disposes
    /// it. The next call does not follow it until <see cref="Keep"/>.
    /// </summary>
    /// <param name="frame">A frame of this stream's size.</param>
    /// <param name="steadied">Whether the frame follows the last one that was kept.</param>
    /// <param name="share">Share of the picture that is of persons.</param>
    public VideoFrame Of(VideoFrame frame, bool steadied, out float share)
    {
        using var small = _pool.Rent(_width, _height);
        _scaler.Scale(frame, small);
        var person = _network.Of(small);
        for (var i = 0; i < person.Length; i++)
            _next[i] = (byte)(person[i] * 255 + 0.5f);
        for (var y = 0; y < _height; y++)
            small.Y.Slice(y * small.StrideY, _width).CopyTo(_nextLuma.AsSpan(y * _width));
        if (steadied && Follows)
            Steady();
        return Drawn(out share);
    }

    /// <summary>The frame of the last call was shown: the next one follows it.</summary>
    public void Keep()
    {
        (_last, _next, _lastLuma, _nextLuma) = (_next, _last, _nextLuma, _lastLuma);
        Follows = true;
    }

    public void Forget() => Follows = false;

    public void Save(Span<byte> into)
    {
        _last.CopyTo(into);
        _lastLuma.CopyTo(into[Pixels..]);
    }

    public void Recall(ReadOnlySpan<byte> from)
    {
        from[..Pixels].CopyTo(_last);
        from[Pixels..].CopyTo(_lastLuma);
        Follows = true;
    }

    public void Dispose() => _network.Dispose();

    private void Steady()
    {
        int columns = _width / Block, rows = _height / Block;
        for (var by = 0; by < rows; by++)
        {
            for (var bx = 0; bx < columns; bx++)
                _motion[by * columns + bx] = Difference(bx * Block, by * Block);
        }
        for (var by = 0; by < rows; by++)
        {
            for (var bx = 0; bx < columns; bx++)
            {
                var moved = Around(bx, by, columns, rows);
                if (moved < Moving * Block * Block)
                    Hold(bx * Block, by * Block, Math.Min(Held, Held * (Moving - moved / (Block * Block)) / (Moving - Still)));
            }
        }
    }

    private int Difference(int left, int top)
    {
        var sum = 0;
        for (var y = top; y < top + Block; y++)
        {
            var now = _nextLuma.AsSpan(y * _width + left, Block);
            var before = _lastLuma.AsSpan(y * _width + left, Block);
            for (var x = 0; x < Block; x++)
                sum += Math.Abs(now[x] - before[x]);
        }
        return sum;
    }

    // A contour moves where one of the blocks beside it does.
    private int Around(int bx, int by, int columns, int rows)
    {
        var most = 0;
        for (var y = Math.Max(0, by - 1); y <= Math.Min(rows - 1, by + 1); y++)
        {
            for (var x = Math.Max(0, bx - 1); x <= Math.Min(columns - 1, bx + 1); x++)
                most = Math.Max(most, _motion[y * columns + x]);
        }
        return most;
    }

    private void Hold(int left, int top, int share)
    {
        for (var y = top; y < top + Block; y++)
        {
            var now = _next.AsSpan(y * _width + left, Block);
            var before = _last.AsSpan(y * _width + left, Block);
            for (var x = 0; x < Block; x++)
                now[x] = (byte)((before[x] * share + now[x] * (256 - share) + 128) >> 8);
        }
    }

    private VideoFrame Drawn(out float share)
    {
        var mask = _pool.Rent(_width, _height);
        long sum = 0;
        for (var y = 0; y < _height; y++)
        {
            var row = mask.Y.Slice(y * mask.StrideY, _width);
            var from = _next.AsSpan(y * _width, _width);
            for (var x = 0; x < row.Length; x++)
                sum += row[x] = Curve[from[x]];
        }
        for (var y = 0; y < _height / 2; y++)
        {
            var top = mask.Y.Slice(2 * y * mask.StrideY, _width);
            var below = mask.Y.Slice((2 * y + 1) * mask.StrideY, _width);
            var row = mask.U.Slice(y * mask.StrideC, _width / 2);
            for (var x = 0; x < row.Length; x++)
                row[x] = (byte)((top[2 * x] + top[2 * x + 1] + below[2 * x] + below[2 * x + 1] + 2) >> 2);
        }
        mask.U.CopyTo(mask.V);
        share = sum / (255f * Pixels);
        return mask;
    }
}
