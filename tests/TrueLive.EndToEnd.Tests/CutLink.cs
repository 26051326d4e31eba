using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace TrueLive.EndToEnd.Tests;

/// <summary>
/// A link from a browser to a server, which a test can cut (open connections break and new ones are refused) or silence, until it is
/// restored.
/// </summary>
internal sealed class CutLink : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<TcpClient, byte> _open = new();
    private readonly Task _accepting;
    private volatile IPEndPoint _server;
    private volatile bool _cut;
    private volatile bool _silent;

    public CutLink(string address)
    {
        _server = new IPEndPoint(IPAddress.Loopback, new Uri(address).Port);
        _listener.Start();
        Address = $"http://{_listener.LocalEndpoint}";
        _accepting = AcceptAsync();
    }

    /// <summary>Address of the server through this link.</summary>
    public string Address { get; }

    public void Cut()
    {
        _cut = true;
        foreach (var client in _open.Keys)
            client.Close();
    }

    /// <summary>Connections stay open, and nothing that is sent arrives.</summary>
    public void Silence() => _silent = true;

    /// <summary>New connections go to another server.</summary>
    public void LeadTo(string address) => _server = new IPEndPoint(IPAddress.Loopback, new Uri(address).Port);

    public void Mend() => _cut = _silent = false;

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        Cut();
        await _accepting;
        _listener.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = CarryAsync(await _listener.AcceptTcpClientAsync());
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException)
        {
        }
    }

    private async Task CopyAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[64 * 1024];
        for (int read; (read = await from.ReadAsync(buffer)) > 0;)
        {
            if (!_silent)
                await to.WriteAsync(buffer.AsMemory(0, read));
        }
    }

    private async Task CarryAsync(TcpClient near)
    {
        using (near)
        using (var far = new TcpClient())
        {
            try
            {
                _open[near] = 0;
                _open[far] = 0;
                if (_cut)
                    return;
                await far.ConnectAsync(_server);
                await Task.WhenAny(CopyAsync(near.GetStream(), far.GetStream()), CopyAsync(far.GetStream(), near.GetStream()));
            }
            catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or InvalidOperationException)
            {
            }
            finally
            {
                _open.TryRemove(near, out _);
                _open.TryRemove(far, out _);
            }
        }
    }
}
