using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;

namespace TrueLive.WebRtc.Transport;

/// <summary>
/// One TCP connection that carries datagrams with a length before each (RFC 4571 section 2, RFC 6544 section 3). Outgoing datagrams wait at
/// most until
/// <see cref="MaxQueued"/> bytes do; the newest is dropped then, as a full router would.
/// </summary>
internal sealed class TcpRoute : SocketRoute, IDisposable
{
    /// <summary>Bytes that may wait: about 250 ms at 6 Mbit/s.</summary>
    public const int MaxQueued = 192 * 1024;

    private readonly Socket _socket;
    private readonly Channel<(byte[] Buffer, int Length)> _queue = Channel.CreateUnbounded<(byte[], int)>(new UnboundedChannelOptions
    { SingleReader = true });
    private int _queued;
    private int _disposed;

    public TcpRoute(Socket socket, IPEndPoint remote)
    {
        (_socket, Remote) = (socket, remote.Address.IsIPv4MappedToIPv6 ? new IPEndPoint(remote.Address.MapToIPv4(), remote.Port) : remote);
        _socket.NoDelay = true;
    }

    public delegate void DatagramIn(Span<byte> datagram, TcpRoute route);

    public override IPEndPoint Remote { get; }

    public override bool IsTcp => true;

    /// <summary>
    /// Called when the connection has ended. Set by the peer that has shown its credentials here; null while it is a stranger's.
    /// </summary>
    public Action<TcpRoute>? Ended { get; set; }

    /// <summary>Called for each datagram that found the queue full.</summary>
    public Action? Full { get; init; }

    public override void Send(ReadOnlySpan<byte> datagram)
    {
        if (datagram.Length > TcpFrames.MaxDatagram || Volatile.Read(ref _disposed) != 0)
            return;
        if (Volatile.Read(ref _queued) > MaxQueued)
        {
            Full?.Invoke();
            return;
        }
        var buffer = ArrayPool<byte>.Shared.Rent(datagram.Length + 2);
        BinaryPrimitives.WriteUInt16BigEndian(buffer, (ushort)datagram.Length);
        datagram.CopyTo(buffer.AsSpan(2));
        Interlocked.Add(ref _queued, datagram.Length + 2);
        if (!_queue.Writer.TryWrite((buffer, datagram.Length + 2)))
            ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Connects when needed, then reads and writes until the connection ends.</summary>
    public async Task RunAsync(DatagramIn received, CancellationToken cancel)
    {
        try
        {
            if (!_socket.Connected)
                await _socket.ConnectAsync(Remote, cancel).ConfigureAwait(false);
            var write = WriteAsync(cancel);
            await ReadAsync(received, cancel).ConfigureAwait(false);
            Dispose();
            await write.ConfigureAwait(false);
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The connection is gone; ICE notices by itself.
        }
        finally
        {
            Dispose();
            Ended?.Invoke(this);
        }
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _queue.Writer.TryComplete();
        _socket.Dispose();
    }

    private async Task WriteAsync(CancellationToken cancel)
    {
        try
        {
            await foreach (var (buffer, length) in _queue.Reader.ReadAllAsync(cancel).ConfigureAwait(false))
            {
                for (var sent = 0; sent < length;)
                    sent += await _socket.SendAsync(buffer.AsMemory(sent, length - sent), cancel).ConfigureAwait(false);
                Interlocked.Add(ref _queued, -length);
                ArrayPool<byte>.Shared.Return(buffer);
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            Dispose();
        }
    }

    private async Task ReadAsync(DatagramIn received, CancellationToken cancel)
    {
        var frames = new TcpFrames();
        TcpFrames.DatagramIn take = datagram => received(datagram, this);
        while (await _socket.ReceiveAsync(frames.Free, cancel).ConfigureAwait(false) is var count and > 0 && frames.Received(count, take))
        {
        }
    }
}
