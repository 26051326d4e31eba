using TrueLive.Core.Frames;
using TrueLive.Models.Motion;

namespace TrueLive.Models.Tests.Motion;

public sealed class CarriedMemoryTests
{
    private readonly FramePool _pool = new("motion test", 4);

    private VideoFrame Picture(int width, int height, double dx, double dy)
    {
        var frame = _pool.Rent(width, height);
        for (var y = 0; y < height; y++)
        {
            for (var x = 0; x < width; x++)
                frame.Y[y * frame.StrideY + x] = BlockMotionTests.Pixel(x + dx, y + dy);
        }
        return frame;
    }

    private static float[] Planes(VideoFrame frame) =>
        [.. Enumerable.Range(0, 3).SelectMany(c => Enumerable.Range(0, frame.Width * frame.Height)
            .Select(i => frame.Y[i / frame.Width * frame.StrideY + i % frame.Width] + 1000f * c))];

    [Fact]
    public void A_memory_goes_with_the_picture()
    {
        const int Width = 200, Height = 136;
        var carried = new CarriedMemory(Width, Height);
        using var first = Picture(Width, Height, 0, 0);
        using var second = Picture(Width, Height, 6, -3);
        Assert.False(carried.Push(first));
        Assert.True(carried.Push(second));
        var moved = new float[3 * Width * Height];
        carried.Carry(Planes(first), moved);
        var wanted = Planes(second);
        // Content that came in at the border has no source in the previous picture.
        for (var i = 0; i < moved.Length; i++)
        {
            int x = i % Width, y = i / Width % Height;
            if (x < Width - 16 && y > 16)
                Assert.True(Math.Abs(moved[i] - wanted[i]) <= 1, $"({x}, {y}): {moved[i]}, not {wanted[i]}");
        }
        Assert.True(carried.Push(first));
        carried.Reset();
        Assert.False(carried.Push(second));
    }

    [Fact]
    public void It_goes_on_from_a_snapshot_as_if_nothing_had_been()
    {
        var (carried, other) = (new CarriedMemory(96, 64), new CarriedMemory(96, 64));
        using var first = Picture(96, 64, 0, 0);
        using var second = Picture(96, 64, 4, 2);
        carried.Push(first);
        var snapshot = new byte[carried.SnapshotLength];
        carried.Snapshot(snapshot);
        other.Push(second);
        other.Restore(snapshot);
        Assert.True(carried.Push(second));
        Assert.True(other.Push(second));
        float[] planes = Planes(first), a = new float[planes.Length], b = new float[planes.Length];
        carried.Carry(planes, a);
        other.Carry(planes, b);
        Assert.Equal(a, b);
    }

    [Theory]
    [InlineData(0.5, 0.25)]
    [InlineData(-3.5, 2.0)]
    [InlineData(0.0, -0.75)]
    public void Parts_of_pixels_are_blended(double dx, double dy)
    {
        const int Width = 200, Height = 136;
        var carried = new CarriedMemory(Width, Height);
        using var first = Picture(Width, Height, 0, 0);
        using var second = Picture(Width, Height, dx, dy);
        carried.Push(first);
        Assert.True(carried.Push(second));
        float[] planes = Planes(first), wanted = Planes(second), moved = new float[planes.Length];
        carried.Carry(planes, moved);
        double with = 0, without = 0;
        for (var i = 0; i < moved.Length; i++)
            (with, without) = (with + Math.Abs(moved[i] - wanted[i]), without + Math.Abs(planes[i] - wanted[i]));
        Assert.InRange(with / without, 0, 0.6);
    }
}
