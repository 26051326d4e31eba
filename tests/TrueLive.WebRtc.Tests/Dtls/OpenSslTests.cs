using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TrueLive.Tests.Shared;
using TrueLive.WebRtc.Dtls;
using TrueLive.WebRtc.Srtp;

namespace TrueLive.WebRtc.Tests.Dtls;

/// <summary>Handshakes with the openssl command as an independent implementation: keys, certificates and data must agree.</summary>
public sealed class OpenSslTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-dtls").FullName;
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly List<string> _lines = [];
    private Process? _openssl;

    [Theory]
    [InlineData("SRTP_AEAD_AES_128_GCM")]
    [InlineData("SRTP_AES128_CM_SHA1_80")]
    public async Task Openssl_as_the_client_gets_the_same_keys_and_data(string profile)
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)_socket.LocalEndPoint!).Port;
        await Exchange(client: false, profile,
            $"s_client -dtls1_2 -connect 127.0.0.1:{port} -cert {_folder}/cert.pem -key {_folder}/key.pem");
    }

    [Theory]
    [InlineData("SRTP_AEAD_AES_128_GCM")]
    [InlineData("SRTP_AES128_CM_SHA1_80")]
    public async Task Openssl_as_the_server_gets_the_same_keys_and_data(string profile)
    {
        var port = FreePort.Next();
        _socket.Connect(IPAddress.Loopback, port);
        await Exchange(client: true, profile,
            $"s_server -dtls1_2 -accept 127.0.0.1:{port} -Verify 1 -cert {_folder}/cert.pem -key {_folder}/key.pem");
    }

    public void Dispose()
    {
        if (_openssl is { } process)
        {
            process.Kill();
            process.Dispose();
        }

        _socket.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task Exchange(bool client, string profile, string arguments)
    {
        Assert.SkipUnless(File.Exists("/usr/bin/openssl"), "needs /usr/bin/openssl");
        var fingerprint = MakeIdentity();
        var gcm = profile.Contains("GCM", StringComparison.Ordinal);
        var length = SrtpKeys.MaterialLength(gcm ? SrtpProfile.AeadAes128Gcm : SrtpProfile.Aes128CmHmacSha1_80);
        StartOpenSsl($"{arguments} -use_srtp {profile} -keymatexport EXTRACTOR-dtls_srtp -keymatexportlen {length}");
        if (client)
        {
            await Said("ACCEPT");
        }

        EndPoint? peer = null;
        var side = new DtlsSide(client, DtlsCertificate.Create(TimeProvider.System.GetUtcNow()), fingerprint, d => Send(d, peer));
        var reading = Task.Run(() =>
        {
            var buffer = new byte[2048];
            try
            {
                while (true)
                {
                    EndPoint from = new IPEndPoint(IPAddress.Any, 0);
                    var count = _socket.ReceiveFrom(buffer, ref from);
                    peer = from;
                    side.Receive(buffer.AsSpan(0, count));
                }
            }
            catch (SocketException)
            {
                // Disposed at the end of the test.
            }
            catch (ObjectDisposedException)
            {
            }
        });
        side.Start();
        Assert.True(side.WaitForEnd(), side.Error?.ToString());

        var keys = side.Keys!;
        var (first, second) = client ? (keys.LocalKey, keys.RemoteKey) : (keys.RemoteKey, keys.LocalKey);
        var (firstSalt, secondSalt) = client ? (keys.LocalSalt, keys.RemoteSalt) : (keys.RemoteSalt, keys.LocalSalt);
        await Said("Keying material: " + Convert.ToHexString([.. first, .. second, .. firstSalt, .. secondSalt]));
        Assert.Equal(gcm ? SrtpProfile.AeadAes128Gcm : SrtpProfile.Aes128CmHmacSha1_80, keys.Profile);

        Assert.True(side.Session.Send("from TrueLive\n"u8));
        await Said("from TrueLive");
        _openssl!.StandardInput.WriteLine("from openssl");
        await Until(() => side.Data.Any(d => d.AsSpan().SequenceEqual("from openssl\n"u8)));
        side.Session.Close();
        _socket.Dispose();
        await reading;
    }

    private void Send(ReadOnlySpan<byte> datagram, EndPoint? peer)
    {
        if (_socket.Connected)
        {
            _socket.Send(datagram);
        }
        else
        {
            _socket.SendTo(datagram, peer!);
        }
    }

    private string MakeIdentity()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var now = TimeProvider.System.GetUtcNow();
        using var certificate = new CertificateRequest("CN=openssl", key, HashAlgorithmName.SHA256)
            .CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        File.WriteAllText(Path.Combine(_folder, "cert.pem"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(_folder, "key.pem"), key.ExportPkcs8PrivateKeyPem());
        return DtlsFingerprint.Of(certificate.RawData);
    }

    private void StartOpenSsl(string arguments)
    {
        _openssl = Process.Start(new ProcessStartInfo("/usr/bin/openssl", arguments)
        { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!;
        DataReceivedEventHandler keep = (_, e) =>
        {
            lock (_lines)
            {
                _lines.Add(e.Data ?? "");
            }
        };
        _openssl.OutputDataReceived += keep;
        _openssl.ErrorDataReceived += keep;
        _openssl.BeginOutputReadLine();
        _openssl.BeginErrorReadLine();
    }

    private Task Said(string text) => Until(() =>
    {
        lock (_lines)
        {
            return _lines.Exists(l => l.Contains(text, StringComparison.Ordinal));
        }
    });

    private async Task Until(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(5));
        while (!condition())
        {
            lock (_lines)
            {
                Assert.False(patience.IsCancellationRequested, string.Join('\n', _lines));
            }

            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, CancellationToken.None);
        }
    }
}
