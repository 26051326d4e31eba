using TrueLive.Workers.Frames;

namespace TrueLive.Workers.Tests;

public sealed class PackedPictureTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(33)]
    [InlineData(4096)]
    public void Pixels_are_joined_of_planes_and_split_into_them_again(int count)
    {
        var random = new Random(count);
        float[][] planes = [.. Enumerable.Range(0, 3)
            .Select(_ => Enumerable.Range(0, count).Select(_ => random.Next(256) + 0.5f).ToArray())];
        var pixels = new byte[3 * count];
        InterleavedBytes.Join(planes[0], planes[1], planes[2], pixels);
        Assert.Equal(Enumerable.Range(0, 3 * count).Select(i => (byte)planes[i % 3][i / 3]), pixels);
        float[][] again = [new float[count], new float[count], new float[count]];
        InterleavedBytes.Split(pixels, again[0], again[1], again[2]);
        Assert.Equal(planes.Select(p => p.Select(v => v - 0.5f)), again);
    }
}
