using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tests.Http;
using TrueLive.Server.Tls;

namespace TrueLive.Server.Tests.Tls;

public sealed class TlsCertificateTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-chain-").FullName;
    private readonly DateTimeOffset _now = TimeProvider.System.GetUtcNow();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Chain => Path.Combine(_folder, "chain.pem");

    private string Key => Path.Combine(_folder, "key.pem");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_whole_chain_is_shown_and_a_renewed_certificate_is_taken_without_a_restart()
    {
        var first = Write("first");
        await using var server = await RunningServer.StartAsync(o => (o.TlsCertificate, o.TlsKey) = (Chain, Key));
        Assert.Equal((first, true), await ShownAsync(server.Address.Port));
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/healthz", Cancel)).StatusCode);
        Assert.StartsWith("max-age=",
            Assert.Single((await server.Http.GetAsync("/healthz", Cancel)).Headers.GetValues("Strict-Transport-Security")),
            StringComparison.Ordinal);

        // With a half-written file, the previous certificate stays in use.
        await File.WriteAllTextAsync(Key, "-----BEGIN PRIVATE KEY-----", Cancel);
        Assert.Equal(first, (await ShownAsync(server.Address.Port)).Thumbprint);
        var second = Write("second");
        await NativeClient.UntilAsync(async () => (await ShownAsync(server.Address.Port)).Thumbprint == second);
    }

    [Fact]
    public void Files_that_do_not_belong_together_are_told_at_the_start()
    {
        Write("one");
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        File.WriteAllText(Key, other.ExportPkcs8PrivateKeyPem());
        Assert.Contains("tls_certificate", Assert.Throws<ConfigurationException>(() =>
            new TlsCertificate(Chain, Key, TimeProvider.System)).Message, StringComparison.Ordinal);
    }

    // What a browser receives: the server's certificate, and whether the intermediate one came with it.
    private static async Task<(string Thumbprint, bool Whole)> ShownAsync(int port)
    {
        var (thumbprint, whole) = ("", false);
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, port, Cancel);
        await using var tls = new SslStream(client.GetStream(), false, (_, shown, chain, _) =>
        {
            thumbprint = shown!.GetCertHashString();
            whole = chain!.ChainPolicy.ExtraStore.Any(c => c.Subject == "CN=between");
            return true;
        });
        await tls.AuthenticateAsClientAsync("localhost");
        return (thumbprint, whole);
    }

    private string Write(string name)
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var betweenKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var leafKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var root = Authority("CN=root", rootKey).CreateSelfSigned(_now.AddDays(-1), _now.AddDays(9));
        using var between = Authority("CN=between", betweenKey).Create(root, _now.AddDays(-1), _now.AddDays(8), [1])
            .CopyWithPrivateKey(betweenKey);
        using var leaf = new CertificateRequest($"CN={name}", leafKey, HashAlgorithmName.SHA256)
            .Create(between, _now.AddDays(-1), _now.AddDays(7), [2]);
        File.WriteAllText(Key, leafKey.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(Chain, leaf.ExportCertificatePem() + "\n" + between.ExportCertificatePem() + "\n");
        return leaf.GetCertHashString();
    }

    private static CertificateRequest Authority(string name, ECDsa key)
    {
        var request = new CertificateRequest(name, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request;
    }
}
