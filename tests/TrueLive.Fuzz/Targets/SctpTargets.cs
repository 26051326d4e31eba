using System.Buffers.Binary;
using TrueLive.WebRtc.Sctp;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a peer can send through DTLS: SCTP packets, and messages of the channel handshake.</summary>
internal static class SctpTargets
{
    /// <summary>Packets into a connected association, with checksum and tag put right, as a hostile peer would.</summary>
    public static void Packets(ReadOnlySpan<byte> input)
    {
        var link = new Link();
        foreach (var packet in FuzzTarget.Packets(input))
        {
            if (packet.Length >= 12)
            {
                // Tag 0 belongs to INIT.
                if (BinaryPrimitives.ReadUInt32BigEndian(packet.AsSpan(4)) != 0)
                {
                    BinaryPrimitives.WriteUInt32BigEndian(packet.AsSpan(4), link.Server.Association.LocalTag);
                }

                BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), 0);
                BinaryPrimitives.WriteUInt32LittleEndian(packet.AsSpan(8), Crc32c.Compute(packet));
            }

            link.Server.Association.Receive(packet, link.Now);
            link.Deliver();
        }

        link.Wait();
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
            Client = new DataChannels(new object(), true, p => Put(true, p), _ => { }, TimeProvider.System);
            Server = new DataChannels(new object(), false, p => Put(false, p), c => c.MessageReceived = (channel, data, isText) => channel.Send("ok"), TimeProvider.System);
            Client.Association.Connect(Now);
            Deliver();
            if (Server.Association.State != SctpState.Established)
            {
                throw new InvalidOperationException("not connected");
            }
        }

        public DataChannels Client { get; }

        public DataChannels Server { get; }

        public long Now { get; private set; } = 1;

        /// <summary>All packets that the server was given.</summary>
        public IReadOnlyList<byte[]> ToServer => _toServer;

        public void Deliver()
        {
            for (var i = 0; i < 1000 && _wire.TryDequeue(out var item); i++)
            {
                (item.ToServer ? Server : Client).Association.Receive(item.Packet, Now);
            }

            _wire.Clear();
        }

        /// <summary>Lets ten seconds go by.</summary>
        public void Wait()
        {
            for (var i = 0; i < 10; i++)
            {
                Now += TimeProvider.System.TimestampFrequency;
                Server.Association.Tick(Now);
                Client.Association.Tick(Now);
                Deliver();
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
