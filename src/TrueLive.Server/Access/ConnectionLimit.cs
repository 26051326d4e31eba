using System.Net;
using Microsoft.AspNetCore.Connections;

namespace TrueLive.Server.Access;

/// <summary>
/// Limits the connections to the web server that one address may hold, since each idle one occupies a socket. Loopback addresses, where a
/// proxy may stand for many clients, and proxies that the operator named are limited only by <see cref="All"/>. Thread-safe.
/// </summary>
internal sealed class ConnectionLimit(IReadOnlyCollection<IPAddress> exempt)
{
    /// <summary>Connections of one address: a page needs a handful, and a household shares an address.</summary>
    public const int OfOneAddress = 256;

    /// <summary>Connections in all.</summary>
    public const int All = 4096;

    private readonly Dictionary<IPAddress, int> _held = [];
    private long _refused;

    /// <summary>Connections that count against a limit.</summary>
    public int Held
    {
        get
        {
            lock (_held)
                return _held.Values.Sum();
        }
    }

    /// <summary>Connections that were closed because their address held too many.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Serves a connection, or closes it without an answer when its address holds too many.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        if ((connection.RemoteEndPoint as IPEndPoint)?.Address is not { } address || IPAddress.IsLoopback(address)
            || exempt.Contains(address))
        {
            await next(connection).ConfigureAwait(false);
            return;
        }
        if (!Enter(address))
        {
            connection.Abort(new ConnectionAbortedException("Too many connections from one address."));
            return;
        }
        try
        {
            await next(connection).ConfigureAwait(false);
        }
        finally
        {
            Leave(address);
        }
    }

    /// <summary>Counts one more; false when the address holds <see cref="OfOneAddress"/>.</summary>
    internal bool Enter(IPAddress address)
    {
        lock (_held)
        {
            var held = _held.GetValueOrDefault(address);
            if (held >= OfOneAddress)
            {
                _refused++;
                return false;
            }
            _held[address] = held + 1;
            return true;
        }
    }

    /// <summary>Counts one less.</summary>
    internal void Leave(IPAddress address)
    {
        lock (_held)
        {
            if (--_held[address] == 0)
                _held.Remove(address);
        }
    }
}
