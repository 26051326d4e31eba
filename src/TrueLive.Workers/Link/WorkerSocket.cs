using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using TrueLive.Workers.Jail;

namespace TrueLive.Workers.Link;

/// <summary>The connection to a worker. Any thread may send, one thread receives; both handle whole messages.</summary>
internal sealed partial class WorkerSocket(Socket socket) : IDisposable
{
    private const int MaxOutgoing = 64;

    private static readonly byte[] Pinging = Whole(new ToWorker("ping"));

    private readonly Lock _sending = new();
    private readonly byte[] _head = new byte[FrameHead.Size];
    private readonly byte[] _outgoing = new byte[MaxOutgoing];
    private byte[] _body = new byte[4 << 10];
    private volatile bool _expectsState;

    /// <summary>Id of the process at the other end, in our own PID namespace.</summary>
    public int Peer
    {
        get
        {
            const int SocketLevel = 1;
            const int PeerCredentials = 17;
            Span<byte> credentials = stackalloc byte[12];
            socket.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
            return MemoryMarshal.Read<int>(credentials);
        }
    }

    /// <summary>Waits for the next message; its bytes are valid until the next call. Null at the end of the connection.</summary>
    /// <exception cref="WorkerException">The received bytes are not a message.</exception>
    public (FrameKind Kind, ReadOnlyMemory<byte> Body)? Receive()
    {
        if (!Fill(_head))
            return null;
        var head = FrameHead.Read(_head, _expectsState);
        if (_body.Length < head.Length)
            _body = new byte[head.Length];
        var body = _body.AsMemory(0, head.Length);
        if (!Fill(body.Span))
            return null;
        // A captured memory is rare and may be large: its buffer is not kept.
        if (head.Kind == FrameKind.State)
            _body = new byte[4 << 10];
        return (head.Kind, body);
    }

    /// <summary>Sends a step.</summary>
    public void Send(in StepMessage step)
    {
        lock (_sending)
        {
            new FrameHead(FrameKind.Step, StepMessage.Size).Write(_outgoing);
            step.Write(_outgoing.AsSpan(FrameHead.Size));
            SendAll(_outgoing.AsSpan(0, FrameHead.Size + StepMessage.Size));
        }
    }

    /// <summary>Sends a control message, with a file descriptor unless <paramref name="file"/> is null.</summary>
    public void Send(ToWorker message, SafeFileHandle? file = null)
    {
        var whole = Whole(message);
        lock (_sending)
        {
            var sent = file is null ? 0 : SendWith(whole, file);
            SendAll(whole.AsSpan(sent));
        }
    }

    /// <summary>Sends a ping, unless another message is being sent.</summary>
    public void Ping()
    {
        if (!_sending.TryEnter())
            return;
        try
        {
            SendAll(Pinging);
        }
        finally
        {
            _sending.Exit();
        }
    }

    /// <summary>Allows the worker to send a session's memory from now on.</summary>
    public void ExpectState() => _expectsState = true;

    /// <summary>Sends a session's memory.</summary>
    public void SendState(uint session, ReadOnlySpan<byte> state)
    {
        lock (_sending)
        {
            new FrameHead(FrameKind.State, 4 + state.Length).Write(_outgoing);
            MemoryMarshal.Write(_outgoing.AsSpan(FrameHead.Size), session);
            SendAll(_outgoing.AsSpan(0, FrameHead.Size + 4));
            SendAll(state);
        }
    }

    public void Dispose() => socket.Dispose();

    private static byte[] Whole(ToWorker message)
    {
        var json = message.Bytes();
        var whole = new byte[FrameHead.Size + json.Length];
        new FrameHead(FrameKind.Control, json.Length).Write(whole);
        json.CopyTo(whole, FrameHead.Size);
        return whole;
    }

    private bool Fill(Span<byte> to)
    {
        try
        {
            while (!to.IsEmpty)
            {
                var read = socket.Receive(to);
                if (read == 0)
                    return false;
                to = to[read..];
            }
            return true;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    // Errors are ignored: the receiving thread notices that the worker is gone.
    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
                bytes = bytes[socket.Send(bytes)..];
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
        }
    }

    // The descriptor is sent with the first byte of the message (SCM_RIGHTS, unix(7)); the layout is that of 64-bit Linux.
    private unsafe int SendWith(byte[] bytes, SafeFileHandle file)
    {
        const int SocketLevel = 1;
        const int Rights = 1;
        const int NoSignal = 0x4000;
        var owned = false;
        file.DangerousAddRef(ref owned);
        try
        {
            fixed (byte* data = bytes)
            {
                var rights = stackalloc byte[24];
                (*(ulong*)rights, *(int*)(rights + 8), *(int*)(rights + 12), *(int*)(rights + 16)) = (20, SocketLevel, Rights,
                    (int)file.DangerousGetHandle());
                var part = new Vector { Base = data, Length = (nuint)bytes.Length };
                var message = new MessageHead { Parts = &part, PartCount = 1, Control = rights, ControlLength = 24 };
                return (int)Math.Max(0, SendMessage(socket.SafeHandle, &message, NoSignal));
            }
        }
        catch (ObjectDisposedException)
        {
            return 0;
        }
        finally
        {
            if (owned)
                file.DangerousRelease();
        }
    }

    [LibraryImport("libc", EntryPoint = "sendmsg")]
    private static unsafe partial nint SendMessage(SafeHandle socket, MessageHead* message, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Vector
    {
        public byte* Base;
        public nuint Length;
    }

    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct MessageHead
    {
        public void* Name;
        public uint NameLength;
        public Vector* Parts;
        public nuint PartCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
