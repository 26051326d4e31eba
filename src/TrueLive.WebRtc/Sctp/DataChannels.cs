using System.Buffers.Binary;
using System.Text;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// The data channels of one peer connection over its association: opening handshake (RFC 8832), payload protocols (RFC 8831 section
/// 8), closing by stream reset. All state is guarded by the peer's lock, which the channels' own methods take.
/// </summary>
internal sealed class DataChannels
{
    private const uint Control = 50;
    private const uint Text = 51;
    private const uint Binary = 53;
    private const uint EmptyText = 56;
    private const uint EmptyBinary = 57;
    private const int MaxChannels = 64;

    private readonly object _lock;
    private readonly bool _even;
    private readonly TimeProvider _time;
    private readonly Action<DataChannel> _opened;
    private readonly Dictionary<ushort, DataChannel> _channels = [];
    private readonly List<DataChannel> _waiting = [];

    /// <param name="peerLock">Held by the caller around <see cref="Association"/>.</param>
    /// <param name="dtlsClient">The DTLS client opens channels on even streams (RFC 8832 section 6).</param>
    /// <param name="output">Takes SCTP packets.</param>
    /// <param name="opened">Told of each channel that is ready: the peer's at once, ours when acknowledged.</param>
    /// <param name="time">Clock.</param>
    public DataChannels(object peerLock, bool dtlsClient, PacketOut output, Action<DataChannel> opened, TimeProvider time)
    {
        (_lock, _even, _opened, _time) = (peerLock, dtlsClient, opened, time);
        Association = new SctpAssociation(output, new SctpCallbacks { Established = Established, Message = Message, StreamReset = StreamReset, Ended = Ended }, time);
    }

    /// <summary>The association; call it under the peer's lock.</summary>
    public SctpAssociation Association { get; }

    public int Buffered
    {
        get
        {
            lock (_lock)
                return Association.Buffered;
        }
    }

    /// <summary>Opens a channel; it can be used once <c>opened</c> was called for it.</summary>
    /// <exception cref="InvalidOperationException">Too many channels.</exception>
    public DataChannel Open(string label, DataChannelMessage? received, bool ordered, int? maxRepeats)
    {
        lock (_lock)
        {
            var stream = (ushort)(_even ? 0 : 1);
            while (_channels.ContainsKey(stream))
                stream += 2;
            if (_channels.Count >= MaxChannels)
                throw new InvalidOperationException($"A connection has at most {MaxChannels} data channels.");
            var channel = _channels[stream] = new DataChannel(this, stream, label, "", ordered, maxRepeats) { MessageReceived = received };
            if (Association.State == SctpState.Established)
                SendOpen(channel);
            else
                _waiting.Add(channel);
            return channel;
        }
    }

    public bool Send(DataChannel channel, ReadOnlySpan<byte> data, bool isText)
    {
        lock (_lock)
        {
            if (!channel.IsOpen)
                return false;
            // SCTP has no empty messages: they are sent as one byte with a payload protocol of their own.
            var protocol = data.IsEmpty ? isText ? EmptyText : EmptyBinary : isText ? Text : Binary;
            return Association.Send(channel.StreamId, protocol, data.IsEmpty ? [0] : data, channel.Ordered, channel.MaxRepeats, _time.GetTimestamp());
        }
    }

    public void Close(DataChannel channel)
    {
        lock (_lock)
        {
            if (!_channels.ContainsKey(channel.StreamId) || !channel.IsOpen)
                return;
            channel.IsOpen = false;
            Association.Reset(channel.StreamId, _time.GetTimestamp());
        }
    }

    private void Established()
    {
        foreach (var channel in _waiting)
            SendOpen(channel);
        _waiting.Clear();
    }

    private void SendOpen(DataChannel channel)
    {
        var label = Encoding.UTF8.GetBytes(channel.Label);
        var open = new byte[12 + label.Length];
        open[0] = 3;
        open[1] = (byte)((channel.Ordered ? 0 : 0x80) | (channel.MaxRepeats is null ? 0 : 1));
        BinaryPrimitives.WriteUInt32BigEndian(open.AsSpan(4), (uint)(channel.MaxRepeats ?? 0));
        BinaryPrimitives.WriteUInt16BigEndian(open.AsSpan(8), (ushort)label.Length);
        label.CopyTo(open, 12);
        Association.Send(channel.StreamId, Control, open, true, null, _time.GetTimestamp());
    }

    private void Message(ushort stream, uint protocol, byte[] data)
    {
        if (protocol == Control)
        {
            if (data.Length >= 12 && data[0] == 3)
                PeerOpened(stream, data);
            else if (data.Length >= 1 && data[0] == 2 && _channels.TryGetValue(stream, out var ours) && !ours.IsOpen)
                Ready(ours);
            return;
        }
        if (_channels.TryGetValue(stream, out var channel) && protocol is Text or Binary or EmptyText or EmptyBinary)
            channel.MessageReceived?.Invoke(channel, protocol is EmptyText or EmptyBinary ? [] : data, protocol is Text or EmptyText);
    }

    private void PeerOpened(ushort stream, ReadOnlySpan<byte> open)
    {
        var labelLength = BinaryPrimitives.ReadUInt16BigEndian(open[8..]);
        var protocolLength = BinaryPrimitives.ReadUInt16BigEndian(open[10..]);
        var kind = open[1] & 0x7F;
        if (open.Length < 12 + labelLength + protocolLength || labelLength > 1024 || _channels.ContainsKey(stream) || _channels.Count >= MaxChannels || kind > 2)
            return;
        // A lifetime in milliseconds (kind 2) is approximated by one retransmission.
        int? repeats = kind == 0 ? null : kind == 1 ? (int)Math.Min(BinaryPrimitives.ReadUInt32BigEndian(open[4..]), 1000) : 1;
        var channel = _channels[stream] = new DataChannel(this, stream, Encoding.UTF8.GetString(open.Slice(12, labelLength)), Encoding.UTF8.GetString(open.Slice(12 + labelLength, protocolLength)), (open[1] & 0x80) == 0, repeats);
        Association.Send(stream, Control, [2], true, null, _time.GetTimestamp());
        Ready(channel);
    }

    private void Ready(DataChannel channel)
    {
        channel.IsOpen = true;
        _opened(channel);
    }

    private void StreamReset(ushort stream)
    {
        if (!_channels.Remove(stream, out var channel))
            return;
        if (channel.IsOpen)
        {
            channel.IsOpen = false;
            Association.Reset(stream, _time.GetTimestamp());
        }
        channel.Closed?.Invoke();
    }

    private void Ended()
    {
        foreach (var channel in _channels.Values.ToArray())
        {
            channel.IsOpen = false;
            channel.Closed?.Invoke();
        }
        _channels.Clear();
    }
}
