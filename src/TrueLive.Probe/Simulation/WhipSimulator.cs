using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using TrueLive.WebRtc;
using TrueLive.WebRtc.Sdp;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// A real WHIP server on this machine with a given misbehaviour, so that codec, pacing and congestion control are in the loop. Takes as
/// many sessions as the behaviour has places, and prompts as a TrueLive server does.
/// </summary>
public sealed class WhipSimulator : IDisposable
{
    private const int MaxBody = 128 * 1024;
    private readonly HttpListener _listener = new();
    private readonly RtcEndpoint _endpoint;
    private readonly TimeProvider _time;
    private readonly LiveBehaviour _behaviour;
    private readonly Lock _gate = new();
    private readonly Dictionary<int, SimulatedSession> _sessions = [];
    private readonly long _zero;
    private int _numbers;
    private int _ended;

    /// <summary>Starts the server.</summary>
    /// <param name="behaviour">What it does.</param>
    /// <param name="time">Clock.</param>
    /// <param name="port">Port; 0 takes a free one.</param>
    public WhipSimulator(LiveBehaviour behaviour, TimeProvider time, int port = 0)
    {
        (_behaviour, _time, _zero) = (behaviour, time, time.GetTimestamp());
        _endpoint = new RtcEndpoint(new RtcEndpointOptions { Address = IPAddress.Any, Announced = [IPAddress.Loopback] }, time);
        if (port == 0)
        {
            using var free = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            free.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            port = ((IPEndPoint)free.LocalEndPoint!).Port;
        }
        Address = new Uri($"http://127.0.0.1:{port}/");
        _listener.Prefixes.Add(Address.ToString());
        _listener.Start();
        _ = ServeAsync();
    }

    /// <summary>Where it listens.</summary>
    public Uri Address { get; }

    /// <summary>Sessions that were ever open at the same time.</summary>
    public int MostAtOnce { get; private set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) == 1)
            return;
        _listener.Close();
        lock (_gate)
        {
            foreach (var session in _sessions.Values)
                session.Dispose();
        }
        _endpoint.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                var context = await _listener.GetContextAsync().ConfigureAwait(false);
                try
                {
                    await AnswerAsync(context.Request, context.Response).ConfigureAwait(false);
                    context.Response.Close();
                }
                catch (Exception e) when (e is IOException or HttpListenerException or SdpException or JsonException)
                {
                    context.Response.Abort();
                }
            }
        }
        catch (Exception e) when (e is ObjectDisposedException or HttpListenerException or InvalidOperationException)
        {
        }
    }

    private async Task AnswerAsync(HttpListenerRequest request, HttpListenerResponse response)
    {
        var buffer = new byte[MaxBody];
        var body = Encoding.UTF8.GetString(buffer, 0,
            await request.InputStream.ReadAtLeastAsync(buffer, MaxBody, false).ConfigureAwait(false));
        var path = request.Url!.AbsolutePath;
        if (request.HttpMethod == "POST" && path == "/whip")
        {
            if (Open(body) is not (var number, var answer))
            {
                response.StatusCode = 503;
                await response.OutputStream.WriteAsync("All places are taken."u8.ToArray()).ConfigureAwait(false);
                return;
            }
            (response.StatusCode, response.ContentType) = (201, "application/sdp");
            response.Headers["Location"] = $"/whip/{number}/1";
            await response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer)).ConfigureAwait(false);
            return;
        }
        response.StatusCode = 404;
        if (!int.TryParse(path.Split('/').ElementAtOrDefault(path.StartsWith("/v1/", StringComparison.Ordinal) ? 3 : 2), out var named))
            return;
        lock (_gate)
        {
            if (!_sessions.TryGetValue(named, out var session))
                return;
            if (request.HttpMethod == "PATCH")
            {
                using var message = JsonDocument.Parse(body);
                session.AddPrompt(message.RootElement.GetProperty("prompt").GetString() ?? "");
            }
            else if (request.HttpMethod == "DELETE")
            {
                session.Dispose();
                _sessions.Remove(named);
            }
            response.StatusCode = 202;
        }
    }

    private (int Number, string Answer)? Open(string offer)
    {
        lock (_gate)
        {
            foreach (var over in _sessions.Where(s => s.Value.IsOver).Select(s => s.Key).ToArray())
            {
                _sessions[over].Dispose();
                _sessions.Remove(over);
            }
            if (_sessions.Count >= _behaviour.Places || _ended == 1)
                return null;
            var peer = _endpoint.Answer(offer, new MediaPreferences { Audio = false, DataChannels = false });
            var session = new SimulatedSession(_behaviour, peer, _time, _zero);
            session.Video.Beside = () => BesideOf(session);
            _sessions.Add(++_numbers, session);
            MostAtOnce = Math.Max(MostAtOnce, _sessions.Count);
            return (_numbers, peer.LocalDescription);
        }
    }

    private ReceivedVideo? BesideOf(SimulatedSession session)
    {
        lock (_gate)
            return _sessions.Values.FirstOrDefault(s => s != session)?.Video;
    }
}
