using CsCheck;
using TrueLive.Core.Frames;

namespace TrueLive.Core.Tests.Frames;

public sealed class FramePoolTests
{
    [Fact]
    public void A_frame_is_reused_only_after_its_last_holder_let_go()
    {
        var pool = new FramePool("reuse");
        var frame = pool.Rent(8, 8);
        var second = frame.Retain();
        frame.Dispose();
        Assert.Equal(1, pool.Rented);
        using (var other = pool.Rent(8, 8))
            Assert.NotSame(frame, other);
        second.Dispose();
        Assert.Equal(0, pool.Rented);
        Assert.Throws<ObjectDisposedException>(() => second.Dispose());
        Assert.Throws<ObjectDisposedException>(() => frame.Y[0]);
    }

    [Fact]
    public void Frames_of_a_new_size_take_the_places_of_those_of_a_size_that_is_gone()
    {
        var pool = new FramePool("sizes", capacity: 2);
        Rest([pool.Rent(8, 8), pool.Rent(8, 8)]);
        VideoFrame[] big = [pool.Rent(16, 16), pool.Rent(16, 16)];
        Rest(big);
        VideoFrame[] again = [pool.Rent(16, 16), pool.Rent(16, 16)];
        Assert.Equal(big.ToHashSet(), again.ToHashSet());
        Rest([.. again, pool.Rent(16, 16)]);
        Assert.Equal(0, pool.Rented);

        static void Rest(VideoFrame[] frames)
        {
            foreach (var frame in frames)
                frame.Dispose();
        }
    }

    [Fact]
    public void Planes_of_any_size_hold_the_whole_picture_and_do_not_overlap() =>
        Gen.Select(Gen.Int[1, 200], Gen.Int[1, 200]).Sample((width, height) =>
        {
            var pool = new FramePool("planes");
            using var frame = pool.Rent(width, height);
            frame.Y.Fill(1);
            frame.U.Fill(2);
            frame.V.Fill(3);
            return frame.Y.IndexOfAnyExcept((byte)1) < 0 && frame.U.IndexOfAnyExcept((byte)2) < 0
                && frame.StrideY >= width && frame.StrideC >= frame.ChromaWidth
                && frame.Y.Length >= frame.StrideY * (height - 1) + width
                && frame.ChromaWidth * 2 >= width && frame.ChromaHeight * 2 >= height;
        });

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 8193)]
    public void Sizes_outside_the_range_are_refused(int width, int height) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new FramePool("range").Rent(width, height));
}
