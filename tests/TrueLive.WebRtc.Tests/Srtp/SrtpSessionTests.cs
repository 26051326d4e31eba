using System.Buffers.Binary;
using CsCheck;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Tests.Srtp;

public sealed class SrtpSessionTests : IDisposable
{
    private readonly List<SrtpSession> _sessions = [];

    public static TheoryData<int> Profiles => [(int)SrtpProfile.AeadAes128Gcm, (int)SrtpProfile.Aes128CmHmacSha1_80];

    [Theory]
    [MemberData(nameof(Profiles))]
    public void A_packet_goes_through_once_and_only_once(int profile)
    {
        var (alice, bob) = Pair(profile);
        var wire = Protect(alice, Rtp(7, 1));
        var second = wire.ToArray();

        Assert.Equal(Rtp(7, 1), Unprotect(bob, wire));
        Assert.Null(Unprotect(bob, second));
        Assert.Equal((0, 1), (bob.Unauthentic, bob.Replayed));
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Packets_in_any_order_arrive_within_the_window_and_not_behind_it(int profile)
    {
        var (alice, bob) = Pair(profile);
        const int Top = ReplayWindow.Size + 200;
        var wires = Enumerable.Range(0, Top + 100).Select(i => Protect(alice, Rtp((ushort)i, 1))).ToArray();

        Assert.NotNull(Unprotect(bob, wires[Top]));
        Assert.NotNull(Unprotect(bob, wires[Top - ReplayWindow.Size + 1]));
        Assert.Null(Unprotect(bob, wires[Top - ReplayWindow.Size]));
        Assert.NotNull(Unprotect(bob, wires[Top + 99]));
        Assert.NotNull(Unprotect(bob, wires[Top + 1]));
        Assert.Equal(1, bob.Replayed);
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void A_repair_under_the_old_index_is_let_in_behind_a_second_of_a_fast_stream(int profile)
    {
        var (alice, bob) = Pair(profile);
        var wires = Enumerable.Range(0, 2001).Select(i => Protect(alice, Rtp((ushort)i, 1))).ToArray();
        Assert.All(wires.Skip(1), wire => Assert.NotNull(Unprotect(bob, wire)));
        Assert.Equal(Rtp(0, 1), Unprotect(bob, wires[0]));
    }

    [Fact]
    public void The_window_remembers_what_a_plain_set_of_indices_remembers() => Gen.Int[1, 1_000_000].Sample(seed =>
    {
        var random = new Random(seed);
        var (window, seen, top) = (new ReplayWindow(), new HashSet<ulong>(), 0UL);
        for (var i = 0; i < 3000; i++)
        {
            // Mostly forward, often back within the window or beyond it, sometimes far ahead.
            var step = random.Next(100) switch { 0 => random.Next(20_000), < 40 => -random.Next(5000), _ => random.Next(8) };
            var index = (ulong)Math.Max(0, (long)top + step);
            var fresh = seen.Count == 0 || index > top || (top - index < ReplayWindow.Size && !seen.Contains(index));
            Assert.Equal(fresh, window.IsFresh(index));
            if (fresh)
            {
                window.Mark(index);
                seen.Add(index);
                top = Math.Max(top, index);
            }
        }
    }, seed: "0000000000001", iter: 50);

    [Theory]
    [MemberData(nameof(Profiles))]
    public void The_sequence_number_rolls_over_in_spite_of_loss_and_reordering(int profile)
    {
        var (alice, bob) = Pair(profile);
        var wires = new Dictionary<int, byte[]>();
        for (var i = 65_000; i < 3 * 65_536; i++)
        {
            var wire = Protect(alice, Rtp((ushort)i, 1));
            if (i % 1000 is 0 or 1 || i % 65_536 is 0 or 65_535)
            {
                wires[i] = wire;
            }
        }

        foreach (var pair in wires.OrderBy(w => w.Key).Chunk(2))
        {
            // Each pair arrives in reverse order, also around a rollover.
            foreach (var (number, wire) in pair.Reverse())
            {
                Assert.Equal(Rtp((ushort)number, 1), Unprotect(bob, wire));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void A_stream_whose_packets_before_the_first_rollover_were_all_lost_is_let_in(int profile)
    {
        var (alice, bob) = Pair(profile);
        var wires = Enumerable.Range(65_530, 20).Select(i => Protect(alice, Rtp((ushort)i, 1))).ToArray();

        Assert.Equal(Rtp(5, 1), Unprotect(bob, wires[11]));
        Assert.Equal(Rtp(65_534, 1), Unprotect(bob, wires[4]));
        Assert.Equal(Rtp(6, 1), Unprotect(bob, wires[12]));
        Assert.Equal((0, 0), (bob.Unauthentic, bob.Replayed));
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Another_key_and_any_changed_bit_are_refused_and_do_not_disturb(int profile)
    {
        var (alice, bob) = Pair(profile);
        var (stranger, _) = Pair(profile, seed: 99);
        Assert.Null(Unprotect(bob, Protect(stranger, Rtp(60_000, 1))));

        var wire = Protect(alice, Rtp(10, 1));
        for (var i = 0; i < wire.Length * 8; i++)
        {
            var damaged = wire.ToArray();
            damaged[i / 8] ^= (byte)(1 << (i & 7));
            Assert.Null(Unprotect(bob, damaged));
        }

        for (var i = 0; i < wire.Length; i++)
        {
            Assert.Null(Unprotect(bob, wire[..i]));
        }

        Assert.Equal(Rtp(10, 1), Unprotect(bob, wire));
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Rtcp_carries_an_index_of_its_own_and_is_refused_when_repeated_or_damaged(int profile)
    {
        var (alice, bob) = Pair(profile);
        byte[] report = [0x80, 201, 0, 1, 0, 0, 0, 9, 1, 2, 3, 4];
        for (var i = 1; i <= 3; i++)
        {
            var wire = ProtectRtcp(alice, report);
            var at = profile == (int)SrtpProfile.AeadAes128Gcm ? wire.Length - 4 : wire.Length - 14;
            Assert.Equal(0x8000_0000u + (uint)i, BinaryPrimitives.ReadUInt32BigEndian(wire.AsSpan(at)));
            Assert.False(wire.AsSpan().IndexOf(report.AsSpan(8)) >= 0);

            for (var bit = 0; bit < wire.Length * 8; bit++)
            {
                var damaged = wire.ToArray();
                damaged[bit / 8] ^= (byte)(1 << (bit & 7));
                Assert.Equal(0, bob.UnprotectRtcp(damaged));
            }

            var copy = wire.ToArray();
            Assert.Equal(report.Length, bob.UnprotectRtcp(wire));
            Assert.Equal(report, wire[..report.Length]);
            Assert.Equal(0, bob.UnprotectRtcp(copy));
        }
    }

    [Fact]
    public void Under_gcm_one_index_protects_one_packet_only()
    {
        var (alice, _) = Pair((int)SrtpProfile.AeadAes128Gcm);
        Assert.NotEmpty(Protect(alice, Rtp(5, 1)));
        var buffer = new byte[200];
        Rtp(5, 1, first: 0xAA).CopyTo(buffer, 0);
        Assert.Equal(0, alice.ProtectRtp(buffer, 112));
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Nothing_is_allocated_for_a_packet_after_the_first(int profile)
    {
        var (alice, bob) = Pair(profile);
        var buffer = new byte[1500];
        var report = new byte[200];
        long RoundTrips(int from, int count)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = from; i < from + count; i++)
            {
                Fill(buffer, (ushort)i, 1);
                report.AsSpan().Clear();
                (report[0], report[1]) = (0x80, 201);
                var length = alice.ProtectRtp(buffer, 1200);
                var rtcp = alice.ProtectRtcp(report, 100);
                if (bob.UnprotectRtp(buffer.AsSpan(0, length)) != 1200 || bob.UnprotectRtcp(report.AsSpan(0, rtcp)) != 100)
                {
                    throw new InvalidOperationException("lost");
                }
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        RoundTrips(1, 50);
        // The runtime allocates a little when it compiles a method again. One object per packet would be 24,000 bytes or more.
        Assert.InRange(RoundTrips(51, 1000), 0, 8_000);
    }

    [Fact]
    public void Streams_are_bounded_in_number()
    {
        var (alice, bob) = Pair((int)SrtpProfile.AeadAes128Gcm);
        var accepted = Enumerable.Range(1, 200).Count(ssrc => Unprotect(bob, Protect(alice, Rtp(1, (uint)ssrc))) is not null);
        Assert.Equal(64, accepted);
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public void Any_bytes_are_refused_without_a_throw(int profile)
    {
        var (_, bob) = Pair(profile);
        Gen.Byte.Array[0, 300].Sample(bytes =>
        {
            byte[] packet = [0x90, .. bytes];
            Assert.Equal(0, bob.UnprotectRtp(packet));
            Assert.Equal(0, bob.UnprotectRtcp(packet));
        }, seed: "0000000000001", iter: 2000, threads: 1);
    }

    public void Dispose() => _sessions.ForEach(s => s.Dispose());

    internal static byte[] Rtp(ushort sequence, uint ssrc, byte first = 1)
    {
        var packet = new byte[112];
        Fill(packet, sequence, ssrc);
        packet[12] = first;
        return packet;
    }

    private static void Fill(Span<byte> packet, ushort sequence, uint ssrc)
    {
        packet.Clear();
        packet[0] = 0x80;
        packet[1] = 96;
        BinaryPrimitives.WriteUInt16BigEndian(packet[2..], sequence);
        BinaryPrimitives.WriteUInt32BigEndian(packet[8..], ssrc);
    }

    private static byte[] Protect(SrtpSession session, byte[] packet)
    {
        byte[] buffer = [.. packet, .. new byte[SrtpSession.Headroom]];
        return buffer[..session.ProtectRtp(buffer, packet.Length)];
    }

    private static byte[] ProtectRtcp(SrtpSession session, byte[] packet)
    {
        byte[] buffer = [.. packet, .. new byte[SrtpSession.Headroom]];
        return buffer[..session.ProtectRtcp(buffer, packet.Length)];
    }

    private static byte[]? Unprotect(SrtpSession session, byte[] packet) =>
        session.UnprotectRtp(packet) is > 0 and var length ? packet[..length] : null;

    private (SrtpSession Alice, SrtpSession Bob) Pair(int profile, int seed = 1)
    {
        var material = new byte[SrtpKeys.MaterialLength((SrtpProfile)profile)];
        new Random(seed).NextBytes(material);
        var alice = new SrtpSession(SrtpKeys.FromMaterial((SrtpProfile)profile, material, client: true));
        var bob = new SrtpSession(SrtpKeys.FromMaterial((SrtpProfile)profile, material, client: false));
        _sessions.AddRange([alice, bob]);
        return (alice, bob);
    }

    [Fact]
    public void Sent_packets_are_found_as_they_went_out_until_newer_ones_take_their_place()
    {
        var sent = new SentPackets(7);
        for (var i = 0; i < SentPackets.Capacity + 10; i++)
            sent.Keep(Packet(7, i));
        sent.Keep(Packet(8, 100));
        Assert.True(sent.Find(5).IsEmpty);
        Assert.Equal(Packet(7, 100), sent.Find(100).ToArray());
        Assert.Equal(Packet(7, SentPackets.Capacity + 5), sent.Find(SentPackets.Capacity + 5).ToArray());
        Assert.True(sent.Find(60_000).IsEmpty);

        static byte[] Packet(byte ssrc, int sequence) =>
            [0x80, 96, (byte)(sequence >> 8), (byte)sequence, 0, 0, 0, 0, 0, 0, 0, ssrc, .. new byte[sequence % 50]];
    }
}
