using System.Buffers.Binary;
using TrueLive.WebRtc.Timing;

namespace TrueLive.WebRtc.Sctp;

/// <summary>
/// Closes streams (RFC 6525): tells the peer of ours, one request at a time, and takes its requests. A request of ours is repeated until
/// the peer answers.
/// </summary>
/// <param name="writer">Writes the packets.</param>
/// <param name="sender">The sending half.</param>
/// <param name="receiver">The receiving half.</param>
/// <param name="firstSequence">Number of our first request: our initial TSN.</param>
internal sealed class SctpStreamResets(SctpPacketWriter writer, SctpSender sender, SctpReceiver receiver, uint firstSequence)
{
    private const ushort OutgoingReset = 13;
    private const ushort Response = 16;
    private const uint Performed = 1;
    private const uint InProgress = 6;
    private static readonly TimeSpan Repeat = TimeSpan.FromSeconds(1);

    private readonly Queue<ushort> _waiting = new();
    private uint _sequence = firstSequence;
    private uint _peerSequence;
    private Instant? _due;
    private uint? _lastTsn;

    /// <summary>Streams whose end the peer has not acknowledged.</summary>
    public int Waiting => _waiting.Count;

    /// <summary>The association begins; gives the peer's initial TSN.</summary>
    public void Begin(uint peerTsn) => _peerSequence = peerTsn - 1;

    /// <summary>Closes our side of a stream after what is queued on it.</summary>
    public void Add(ushort stream, Instant now)
    {
        // One entry for each stream: a peer that opens and closes streams and never answers would otherwise make the queue grow without
        // limit.
        if (_waiting.Skip(_lastTsn is null ? 0 : 1).Contains(stream))
            return;
        _waiting.Enqueue(stream);
        Send(now);
    }

    /// <summary>Repeats a request that was not answered.</summary>
    public void Tick(Instant now)
    {
        if (_due is { } due && now >= due)
            Send(now);
    }

    /// <summary>
    /// Takes a RE-CONFIG chunk. <paramref name="closing"/> is called before the streams of a request are closed, and
    /// <paramref name="closed"/> with each of them.
    /// </summary>
    public void Receive(ReadOnlySpan<byte> value, Instant now, Action closing, Action<ushort> closed)
    {
        while (SctpChunk.TryNext(ref value, out var type, out var content))
        {
            if (type == OutgoingReset && content.Length >= 12)
            {
                var sequence = BinaryPrimitives.ReadUInt32BigEndian(content);
                var waits = (int)(BinaryPrimitives.ReadUInt32BigEndian(content[8..]) - receiver.Cumulative) > 0;
                if (!waits && sequence == _peerSequence + 1)
                {
                    _peerSequence = sequence;
                    closing();
                    for (var streams = content[12..]; streams.Length >= 2; streams = streams[2..])
                    {
                        var stream = BinaryPrimitives.ReadUInt16BigEndian(streams);
                        receiver.ResetStream(stream);
                        closed(stream);
                    }
                }
                var answer = writer.Chunk(SctpChunkType.Reconfig, 0, 12);
                BinaryPrimitives.WriteUInt16BigEndian(answer, Response);
                BinaryPrimitives.WriteUInt16BigEndian(answer[2..], 12);
                BinaryPrimitives.WriteUInt32BigEndian(answer[4..], sequence);
                BinaryPrimitives.WriteUInt32BigEndian(answer[8..], waits ? InProgress : Performed);
            }
            else if (type == Response && content.Length >= 8 && BinaryPrimitives.ReadUInt32BigEndian(content) == _sequence
                && BinaryPrimitives.ReadUInt32BigEndian(content[4..]) != InProgress)
            {
                _waiting.TryDequeue(out _);
                _lastTsn = null;
                _sequence++;
                Send(now);
            }
        }
    }

    private void Send(Instant now)
    {
        if (_waiting.Count == 0)
        {
            _due = null;
            return;
        }
        if (_lastTsn is null)
        {
            // The request names the last TSN of the stream; messages still waiting for the window have none yet.
            if (sender.HoldsUnsent(_waiting.Peek()))
            {
                _due = now;
                return;
            }
            sender.ResetStream(_waiting.Peek());
            _lastTsn = sender.NextTsn - 1;
        }
        // It is repeated until the answer takes it off the queue (RFC 6525 section 5.1.2).
        var value = writer.Chunk(SctpChunkType.Reconfig, 0, 18);
        BinaryPrimitives.WriteUInt16BigEndian(value, OutgoingReset);
        BinaryPrimitives.WriteUInt16BigEndian(value[2..], 18);
        BinaryPrimitives.WriteUInt32BigEndian(value[4..], _sequence);
        BinaryPrimitives.WriteUInt32BigEndian(value[8..], _peerSequence);
        BinaryPrimitives.WriteUInt32BigEndian(value[12..], _lastTsn.Value);
        BinaryPrimitives.WriteUInt16BigEndian(value[16..], _waiting.Peek());
        writer.Flush();
        _due = now + Repeat;
    }
}
