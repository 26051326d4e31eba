using System.Runtime.InteropServices;
using System.Security.Cryptography;
using TrueLive.Core.Frames;
using TrueLive.Models.Masks;

namespace TrueLive.Models.Tests.Masks;

/// <summary>The network of the mask with a photo of a person.</summary>
public sealed class PersonMaskTests : IDisposable
{
    private const int Side = Person.Side;

    private readonly FramePool _pool = new("person test", 4);
    private readonly PersonMask _mask = new(Side, Side);

    public void Dispose() => _mask.Dispose();

    private static byte[] Mask(PersonMask mask, VideoFrame frame, bool steadied = true)
    {
        using (frame)
        {
            using var made = mask.Of(frame, steadied, out _);
            mask.Keep();
            return [.. Enumerable.Range(0, made.Height).SelectMany(y => made.Y.Slice(y * made.StrideY, made.Width).ToArray())];
        }
    }

    private static double Difference(byte[] a, byte[] b) => a.Zip(b).Average(p => Math.Abs(p.First - p.Second)) / 255;

    [Fact]
    public void A_person_is_told_from_the_background()
    {
        using var photo = Person.Make(_pool);
        using var mask = _mask.Of(photo, true, out var share);
        Assert.InRange(share, 0.4f, 0.65f);
        Assert.All(Person.On, p => Assert.Equal(255, mask.Y[p.Y * mask.StrideY + p.X]));
        Assert.All(Person.Beside, p => Assert.Equal(0, mask.Y[p.Y * mask.StrideY + p.X]));
        Assert.All(Person.On, p => Assert.Equal(255, mask.U[p.Y / 2 * mask.StrideC + p.X / 2]));
    }

    [Fact]
    public void A_mirrored_picture_has_a_mirrored_mask()
    {
        var plain = Mask(_mask, Person.Make(_pool), steadied: false);
        var mirrored = Mask(_mask, Person.Make(_pool, mirrored: true), steadied: false);
        for (var y = 0; y < Side; y++)
            Array.Reverse(mirrored, y * Side, Side);
        Assert.InRange(Difference(plain, mirrored), 0, 0.05);
    }

    [Fact]
    public void Two_persons_are_both_found_in_a_wide_picture()
    {
        using var mask = new PersonMask(2 * Side, Side);
        using var both = Person.Make(_pool, width: 2 * Side);
        Person.Draw(both, Side, mirrored: true);
        using var made = mask.Of(both, true, out _);
        Assert.Equal((256, 128), (made.Width, made.Height));
        Assert.All(Person.On, p => Assert.Equal((true, true), IsPerson(made, p)));
        Assert.All(Person.Beside, p => Assert.Equal((false, false), IsPerson(made, p)));

        static (bool Left, bool Right) IsPerson(VideoFrame mask, (int X, int Y) p) =>
            (mask.Y[p.Y / 2 * mask.StrideY + p.X / 2] > 127, mask.Y[p.Y / 2 * mask.StrideY + (2 * Side - 1 - p.X) / 2] > 127);
    }

    [Fact]
    public void Where_nobody_is_everything_is_background()
    {
        using var grey = Person.Make(_pool, right: 2 * Side);
        using var empty = _mask.Of(grey, true, out var share);
        Assert.InRange(share, 0, FrameMask.Nobody);
    }

    [Fact]
    public void The_mask_of_a_still_noisy_picture_does_not_flicker()
    {
        var (last, before, steady, fresh) = (Array.Empty<byte>(), Array.Empty<byte>(), 0, 0);
        using var other = new PersonMask(Side, Side);
        for (var t = 0; t < 10; t++)
        {
            var now = Mask(_mask, Person.Make(_pool, t, noise: 6));
            var unsteadied = Mask(other, Person.Make(_pool, t, noise: 6), steadied: false);
            if (t > 0)
                (steady, fresh) = (steady + Flips(now, last), fresh + Flips(unsteadied, before));
            (last, before) = (now, unsteadied);
        }
        // Of all pixels and pairs of pictures.
        Assert.InRange(steady / (9.0 * Side * Side), 0, 0.005);
        Assert.True(steady * 2 < fresh, $"{steady} pixels flicker, {fresh} without steadying.");

        static int Flips(byte[] a, byte[] b) => a.Zip(b).Count(p => p.First > 127 != p.Second > 127);
    }

    [Fact]
    public void The_mask_of_a_moving_person_is_that_of_this_very_frame()
    {
        using var other = new PersonMask(Side, Side);
        var lag = 0.0;
        for (var t = 0; t < 4; t++)
        {
            var steadied = Mask(_mask, Person.Make(_pool, t, right: 12 * t));
            var alone = Mask(other, Person.Make(_pool, t, right: 12 * t), steadied: false);
            lag = Math.Max(lag, Difference(steadied, alone));
        }
        Assert.InRange(lag, 0, 0.01);
    }

    [Fact]
    public void Streams_beside_each_other_get_the_same_masks_as_alone()
    {
        var alone = Sequence();
        var together = new byte[4][];
        Parallel.For(0, together.Length, i => together[i] = Sequence());
        Assert.All(together, one => Assert.Equal(alone, one));

        byte[] Sequence()
        {
            using var mask = new PersonMask(Side, Side);
            return [.. Enumerable.Range(0, 3).SelectMany(t => Mask(mask, Person.Make(_pool, t, right: 4 * t)))];
        }
    }

    [Fact]
    public void The_network_computes_what_PyTorch_does()
    {
        var fixture = File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "TrueLive.Models.Tests", "person-mask.parity.bin"));
        using var file = typeof(PersonMask).Assembly.GetManifestResourceStream("TrueLive.Models.Masks.person-mask.onnx")!;
        Assert.True(fixture.AsSpan(0, 32).SequenceEqual(SHA256.HashData(file)),
            "The fixture is of another network. training/person_mask.py makes both.");
        var wanted = MemoryMarshal.Cast<byte, float>(fixture.AsSpan(32));
        using var run = new PersonNetwork.Run(256, 144);
        for (var t = 0; t < 4; t++)
        {
            using var picture = TestPicture.Make(_pool, t, 256, 144);
            var made = run.Of(picture);
            for (var i = 0; i < wanted.Length / 4; i++)
                Assert.Equal(wanted[t * (wanted.Length / 4) + i], made[i * 97], 1e-3f);
        }
    }
}
