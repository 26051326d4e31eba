using System.Buffers.Binary;
using TrueLive.WebRtc.Sctp;
using TrueLive.WebRtc.Timing;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a peer can send through DTLS: SCTP packets, and messages of the channel handshake.</summary>
internal static class SctpTargets
{
    private const byte OurPort = 5000 >> 8;
    private const int MostHeld = SctpReceiver.Window + 2 * SctpAssociation.MaxMessage + (64 << 10);

    /// <summary>
    /// Packets into a connected association, with checksum, tag and transmission sequence numbers corrected, as a hostile peer would: the
    /// numbers in the input count from the start of the association. A first byte other than that of our port says how many times the
    /// packet is continued with increasing numbers, so that a short input can describe a flood.
    /// </summary>
    public static void Packets(ReadOnlySpan<byte> input)
    {
        var link = new Link();
        foreach (var packet in FuzzTarget.Packets(input))
        {
            var times = packet.Length == 0 || packet[0] == OurPort ? 1 : Math.Min((int)packet[0], 64);
            // Tag 0 belongs to INIT.
            if (packet.Length >= 12 && BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4)) != 0)
            {
                BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(4), link.Server.Association.LocalTag);
            }

            var chunks = Renumber(packet, link.ClientTsn, link.ServerTsn, 0);
            for (; times > 0; times--)
            {
                if (packet.Length >= 12)
                {
                    BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), 0);
                    BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), Crc32c.Compute(packet));
                }

                link.Server.Receive(packet, link.Now);
                link.Deliver();
                Renumber(packet, (uint)chunks, 0, (ushort)chunks);
                if (link.Server.Association.Held > MostHeld)
                {
                    throw new InvalidOperationException($"{link.Server.Association.Held} bytes wait");
                }
            }
        }

        link.Wait();
    }

    /// <summary>Offsets the numbers that count from the start of an association; returns the number of DATA chunks.</summary>
    internal static int Renumber(Span<byte> packet, uint client, uint server, ushort sequence)
    {
        var data = 0;
        for (var at = 12; at + 12 <= packet.Length;)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 2)..]);
            switch ((SctpChunkType)packet[at])
            {
                case SctpChunkType.Data:
                    data++;
                    Move(packet.Slice(at + 4, 4), client);
                    BinaryPrimitives.WriteUInt16BigEndian(packet[(at + 10)..],
                        (ushort)(BinaryPrimitives.ReadUInt16BigEndian(packet[(at + 10)..]) + sequence));
                    break;
                case SctpChunkType.ForwardTsn:
                    Move(packet.Slice(at + 4, 4), client);
                    break;
                case SctpChunkType.Sack:
                    Move(packet.Slice(at + 4, 4), server);
                    break;
                case SctpChunkType.Reconfig:
                    Move(packet.Slice(at + 8, 4), client);
                    break;
            }

            at += Math.Max(4, (length + 3) & ~3);
        }

        return data;

        static void Move(Span<byte> number, uint by) =>
            BinaryPrimitives.WriteUInt32BigEndian(number, BinaryPrimitives.ReadUInt32BigEndian(number) + by);
    }

    /// <summary>Messages on stream 0 and up: first byte the stream, second the payload protocol, the rest the message.</summary>
    public static void ChannelMessages(ReadOnlySpan<byte> input)
    {
        var link = new Link();
        foreach (var packet in FuzzTarget.Packets(input))
        {
            if (packet.Length > 2)
            {
                link.Client.Association.Send(packet[0], packet[1], packet.AsSpan(2), true, null, link.Now);
                link.Deliver();
            }
        }

        link.Wait();
    }

    /// <summary>Two sides joined without delay, connected.</summary>
    internal sealed class Link
    {
        private readonly Queue<(bool ToServer, byte[] Packet)> _wire = new();
        private readonly List<byte[]> _toServer = [];

        public Link()
        {
            Client = new DataChannels(true, p => Put(true, p));
            Server = new DataChannels(false, p => Put(false, p));
            (ClientTsn, ServerTsn) = (Client.Association.NextTsn, Server.Association.NextTsn);
            Client.Connect(Now);
            Deliver();
            if (Server.Association.State != SctpState.Established)
            {
                throw new InvalidOperationException("not connected");
            }
        }

        public DataChannels Client { get; }

        public DataChannels Server { get; }

        /// <summary>The number of the first DATA chunk of each side.</summary>
        public uint ClientTsn { get; }

        public uint ServerTsn { get; }

        public Instant Now { get; private set; } = new(1);

        /// <summary>All packets that the server was given.</summary>
        public IReadOnlyList<byte[]> ToServer => _toServer;

        public void Deliver()
        {
            for (var i = 0; i < 1000 && _wire.TryDequeue(out var item); i++)
            {
                (item.ToServer ? Server : Client).Receive(item.Packet, Now);
                Answer();
            }

            _wire.Clear();
        }

        /// <summary>Lets ten seconds go by.</summary>
        public void Wait()
        {
            for (var i = 0; i < 10; i++)
            {
                Now += TimeSpan.FromSeconds(1);
                Server.Tick(Now);
                Client.Tick(Now);
                Deliver();
            }
        }

        /// <summary>The server answers each message.</summary>
        private void Answer()
        {
            while (Server.TryTake(out ChannelEvent happened))
            {
                if (happened.Kind == ChannelEventKind.Message)
                {
                    Server.Send(happened.Channel, "ok"u8, isText: true, Now);
                }
            }
        }

        private void Put(bool toServer, Span<byte> packet)
        {
            if (toServer)
            {
                _toServer.Add(packet.ToArray());
            }

            _wire.Enqueue((toServer, packet.ToArray()));
        }
    }
}
