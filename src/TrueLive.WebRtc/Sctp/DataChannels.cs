using System.Buffers.Binary;
using System.Text;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// The data channels of one peer connection over its association: opening handshake (RFC 8832), payload protocols (RFC 8831 section
/// 8), closing by stream reset. No clock and no lock inside: the owner passes the time, calls one at a time, and then takes the events out.
/// </summary>
internal sealed class DataChannels
{
    private const uint Control = 50;
    private const uint Text = 51;
    private const uint Binary = 53;
    private const uint EmptyText = 56;
    private const uint EmptyBinary = 57;
    private const int MaxChannels = 64;

    private readonly bool _even;
    private readonly Dictionary<ushort, Channel> _channels = [];
    private readonly List<Channel> _waiting = [];
    private readonly Queue<ChannelEvent> _events = new();

    /// <param name="dtlsClient">The DTLS client opens channels on even streams (RFC 8832 section 6).</param>
    /// <param name="output">Takes SCTP packets.</param>
    public DataChannels(bool dtlsClient, PacketOut output) => (_even, Association) = (dtlsClient, new SctpAssociation(output));

    /// <summary>The association.</summary>
    public SctpAssociation Association { get; }

    /// <summary>Bytes that were sent or wait, and are not acknowledged.</summary>
    public int Buffered => Association.Buffered;

    /// <summary>The next thing that happened to a channel.</summary>
    public bool TryTake(out ChannelEvent happened) => _events.TryDequeue(out happened);

    /// <summary>Begins the association; harmless when the peer begins as well.</summary>
    public void Connect(Instant now) => Association.Connect(now);

    /// <summary>Takes one SCTP packet.</summary>
    public void Receive(ReadOnlySpan<byte> packet, Instant now)
    {
        Association.Receive(packet, now);
        Follow(now);
    }

    /// <summary>Runs the timers; call about every 10 ms.</summary>
    public void Tick(Instant now)
    {
        Association.Tick(now);
        Follow(now);
    }

    /// <summary>Ends at once and tells the peer.</summary>
    public void Abort(Instant now)
    {
        Association.Abort();
        Follow(now);
    }

    /// <summary>Opens a channel; it can be used once it is told as opened.</summary>
    /// <exception cref="InvalidOperationException">Too many channels.</exception>
    public Channel Open(string label, bool ordered, int? maxRepeats, Instant now)
    {
        var stream = (ushort)(_even ? 0 : 1);
        while (_channels.ContainsKey(stream))
            stream += 2;
        if (_channels.Count >= MaxChannels)
            throw new InvalidOperationException($"A connection has at most {MaxChannels} data channels.");
        var channel = _channels[stream] = new Channel(stream, label, "", ordered, maxRepeats);
        if (Association.State == SctpState.Established)
            SendOpen(channel, now);
        else
            _waiting.Add(channel);
        return channel;
    }

    /// <summary>Sends a message. False when the channel is not open, the message is too long, or the buffer is full.</summary>
    public bool Send(Channel channel, ReadOnlySpan<byte> data, bool isText, Instant now)
    {
        if (!channel.IsOpen)
            return false;
        // SCTP has no empty messages: they are sent as one byte with a payload protocol of their own.
        var protocol = data.IsEmpty ? isText ? EmptyText : EmptyBinary : isText ? Text : Binary;
        return Association.Send(channel.StreamId, protocol, data.IsEmpty ? [0] : data, channel.Ordered, channel.MaxRepeats, now);
    }

    /// <summary>Closes a channel after what was sent on it.</summary>
    public void Close(Channel channel, Instant now)
    {
        if (!_channels.ContainsKey(channel.StreamId) || !channel.IsOpen)
            return;
        channel.IsOpen = false;
        Association.Reset(channel.StreamId, now);
    }

    private void Follow(Instant now)
    {
        while (Association.TryTake(out var happened))
        {
            switch (happened.Kind)
            {
                case SctpEventKind.Established:
                    foreach (var channel in _waiting)
                        SendOpen(channel, now);
                    _waiting.Clear();
                    break;
                case SctpEventKind.Message:
                    Message(happened.Stream, happened.Protocol, happened.Data!, now);
                    break;
                case SctpEventKind.StreamReset:
                    StreamReset(happened.Stream, now);
                    break;
                case SctpEventKind.Ended:
                    Ended();
                    break;
            }
        }
    }

    private void SendOpen(Channel channel, Instant now)
    {
        var label = Encoding.UTF8.GetBytes(channel.Label);
        var open = new byte[12 + label.Length];
        open[0] = 3;
        open[1] = (byte)((channel.Ordered ? 0 : 0x80) | (channel.MaxRepeats is null ? 0 : 1));
        BinaryPrimitives.WriteUInt32BigEndian(open.AsSpan(4), (uint)(channel.MaxRepeats ?? 0));
        BinaryPrimitives.WriteUInt16BigEndian(open.AsSpan(8), (ushort)label.Length);
        label.CopyTo(open, 12);
        Association.Send(channel.StreamId, Control, open, true, null, now);
    }

    private void Message(ushort stream, uint protocol, byte[] data, Instant now)
    {
        if (protocol == Control)
        {
            if (data.Length >= 12 && data[0] == 3)
                PeerOpened(stream, data, now);
            else if (data.Length >= 1 && data[0] == 2 && _channels.TryGetValue(stream, out var ours) && !ours.IsOpen)
                Ready(ours);
            return;
        }
        if (_channels.TryGetValue(stream, out var channel) && protocol is Text or Binary or EmptyText or EmptyBinary)
        {
            var content = protocol is EmptyText or EmptyBinary ? [] : data;
            _events.Enqueue(new ChannelEvent(ChannelEventKind.Message, channel, content, protocol is Text or EmptyText));
        }
    }

    private void PeerOpened(ushort stream, ReadOnlySpan<byte> open, Instant now)
    {
        var labelLength = BinaryPrimitives.ReadUInt16BigEndian(open[8..]);
        var protocolLength = BinaryPrimitives.ReadUInt16BigEndian(open[10..]);
        var kind = open[1] & 0x7F;
        if (open.Length < 12 + labelLength + protocolLength || labelLength > 1024 || _channels.ContainsKey(stream)
            || _channels.Count >= MaxChannels || kind > 2)
            return;
        // A lifetime in milliseconds (kind 2) is approximated by one retransmission.
        int? repeats = kind == 0 ? null : kind == 1 ? (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(open[4..]), 1000) : 1;
        var label = Encoding.UTF8.GetString(open.Slice(12, labelLength));
        var protocol = Encoding.UTF8.GetString(open.Slice(12 + labelLength, protocolLength));
        var channel = _channels[stream] = new Channel(stream, label, protocol, (open[1] & 0x80) == 0, repeats);
        Association.Send(stream, Control, [2], true, null, now);
        Ready(channel);
    }

    private void Ready(Channel channel)
    {
        channel.IsOpen = true;
        _events.Enqueue(new ChannelEvent(ChannelEventKind.Opened, channel));
    }

    private void StreamReset(ushort stream, Instant now)
    {
        if (!_channels.Remove(stream, out var channel))
            return;
        if (channel.IsOpen)
        {
            channel.IsOpen = false;
            Association.Reset(stream, now);
        }
        _events.Enqueue(new ChannelEvent(ChannelEventKind.Closed, channel));
    }

    private void Ended()
    {
        foreach (var channel in _channels.Values)
        {
            channel.IsOpen = false;
            _events.Enqueue(new ChannelEvent(ChannelEventKind.Closed, channel));
        }
        _channels.Clear();
    }
}
