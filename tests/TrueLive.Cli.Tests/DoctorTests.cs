using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using TrueLive.Cli.Doctor;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Tests;

/// <summary>What the doctor reports about real faults.</summary>
public sealed class DoctorTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-doctor-test-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_home, true);

    [Fact]
    public void A_port_that_another_program_holds_is_named_with_the_flag_that_changes_it()
    {
        using var web = new TcpListener(IPAddress.Loopback, 0);
        web.Start();
        using var media = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var options = new ServerOptions
        {
            Port = ((IPEndPoint)web.LocalEndpoint).Port,
            WebrtcPort = ((IPEndPoint)media.Client.LocalEndPoint!).Port,
            WebrtcTcp = false,
        };
        var found = NetworkChecks.Ports(options).ToArray();
        Assert.Equal([FindingState.Wrong, FindingState.Wrong], found.Select(f => f.State));
        Assert.Contains($"TCP port {options.Port}", found[0].Says, StringComparison.Ordinal);
        Assert.Contains("--port", found[0].Mend, StringComparison.Ordinal);
        Assert.Contains($"UDP port {options.WebrtcPort}", found[1].Says, StringComparison.Ordinal);
        Assert.Contains("--webrtc-port", found[1].Mend, StringComparison.Ordinal);
        web.Stop();
        media.Dispose();
        Assert.All(NetworkChecks.Ports(options), f => Assert.Equal(FindingState.Right, f.State));
    }

    [Fact]
    public void A_host_that_is_no_address_of_this_machine_is_wrong()
    {
        var found = NetworkChecks.Ports(new ServerOptions { Host = "203.0.113.7", Port = 0, WebrtcPort = 0 }).First();
        Assert.Equal(FindingState.Wrong, found.State);
        Assert.Contains("no address of this machine", found.Says, StringComparison.Ordinal);
        Assert.Contains("--host", found.Mend, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("localhost")]
    [InlineData("0.0.0.0")]
    public async Task A_datagram_arrives_on_this_machine(string host) =>
        Assert.Equal(FindingState.Right,
            (await NetworkChecks.UdpAsync(new ServerOptions { Host = host }, new FakeTimeProvider(), Cancel)).State);

    [Fact]
    public void A_camera_needs_https_off_loopback()
    {
        Assert.Equal(FindingState.Right, TlsChecks.SecureOrigin(new ServerOptions()).State);
        Assert.Equal(FindingState.Right, TlsChecks.SecureOrigin(new ServerOptions { Host = "::1" }).State);
        Assert.Equal(FindingState.Right, TlsChecks.SecureOrigin(new ServerOptions { Host = "0.0.0.0", TlsSelfMade = true }).State);
        var found = TlsChecks.SecureOrigin(new ServerOptions { Host = "0.0.0.0", Insecure = true });
        Assert.Equal(FindingState.Wrong, found.State);
        Assert.Contains("--tls-certificate", found.Mend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_certificate_that_cannot_be_used_is_wrong_in_words_that_say_why()
    {
        var now = TimeProvider.System.GetUtcNow();
        var (good, key) = Certificate("good", now.AddDays(-1), now.AddDays(90));
        var (_, other) = Certificate("other", now.AddDays(-1), now.AddDays(90));
        var (old, oldKey) = Certificate("old", now.AddDays(-90), now.AddDays(-1));
        var (young, youngKey) = Certificate("young", now.AddDays(1), now.AddDays(90));
        var (ending, endingKey) = Certificate("ending", now.AddDays(-80), now.AddDays(3));
        var locked = Path.Combine(_home, "locked.key");
        using (var ecdsa = ECDsa.Create())
            File.WriteAllText(locked, ecdsa.ExportEncryptedPkcs8PrivateKeyPem("secret",
                new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)));

        Says(good, key, FindingState.Right, "valid until");
        Says(good, other, FindingState.Wrong, "do not go together");
        Says(good, locked, FindingState.Wrong, "do not go together");
        Says(good, good, FindingState.Wrong, "do not go together");
        Says(old, oldKey, FindingState.Wrong, "was valid until");
        Says(young, youngKey, FindingState.Wrong, "valid from");
        Says(ending, endingKey, FindingState.Note, "valid until");
        Says(Path.Combine(_home, "none.pem"), key, FindingState.Wrong, "cannot be read");
        Says(_home, key, FindingState.Wrong, "cannot be read");
        Assert.Null(TlsChecks.Files(new ServerOptions(), TimeProvider.System));

        static void Says(string certificate, string key, FindingState state, string words)
        {
            var found = TlsChecks.Files(new ServerOptions { TlsCertificate = certificate, TlsKey = key }, TimeProvider.System)!;
            Assert.Equal(state, found.State);
            Assert.Contains(words, found.Says, StringComparison.Ordinal);
            Assert.Equal(state != FindingState.Right, found.Mend is not null);
        }
    }

    [Fact]
    public void A_data_folder_that_can_be_written_to_is_left_as_it_was()
    {
        var folder = Path.Combine(_home, "a", "b");
        Assert.NotEqual(FindingState.Wrong, Disk(folder).State);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_home));
        Directory.CreateDirectory(folder);
        Assert.NotEqual(FindingState.Wrong, Disk(folder).State);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder));
    }

    [Fact]
    public void A_data_folder_that_cannot_be_written_to_is_wrong()
    {
        var file = Path.Combine(_home, "file");
        File.WriteAllText(file, "");
        foreach (var folder in new[] { "/proc/truelive", "/proc/self/fdinfo", file, Path.Combine(file, "below") })
        {
            var found = Disk(folder);
            Assert.Equal(FindingState.Wrong, found.State);
            Assert.Contains(folder, found.Says, StringComparison.Ordinal);
            Assert.Contains("--data-folder", found.Mend, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Little_room_is_told_before_it_runs_out() =>
        Assert.Equal(FindingState.Note,
            Assert.Single(DiskChecks.Run(new ServerOptions { DataFolder = _home, ClipDiskMb = 10_000_000 })).State);

    [Fact]
    public void A_clock_before_the_installation_is_wrong()
    {
        Assert.Equal(FindingState.Right, MachineChecks.Clock(TimeProvider.System).State);
        var found = MachineChecks.Clock(new FakeTimeProvider(DateTimeOffset.UnixEpoch));
        Assert.Equal(FindingState.Wrong, found.State);
        Assert.Contains("1970", found.Says, StringComparison.Ordinal);
        Assert.Contains("timedatectl", found.Mend, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Run", "long")]
    public void A_model_that_is_broken_or_not_there_is_named_with_what_is_wrong()
    {
        var ours = Path.Combine(AppContext.BaseDirectory, "models", "live-tiny");
        Copy(ours, "cut", network: bytes => bytes[..1000]);
        Copy(ours, "typo", manifest: text => text.Replace("\"size\"", "\"sise\"", StringComparison.Ordinal));
        Copy(ours, "twin");
        using var models = new ModelChecks(new ServerOptions { ModelsFolder = _home, Model = "nowhere", ModelThreads = 1 },
            TimeProvider.System);
        var found = models.Run().ToArray();
        Assert.Equal([FindingState.Right, FindingState.Wrong, FindingState.Wrong, FindingState.Wrong, FindingState.Wrong],
            found.Select(f => f.State));
        Assert.Contains("live-tiny", found[0].Says, StringComparison.Ordinal);
        Assert.Contains("ms a step at 512x288", found[0].Says, StringComparison.Ordinal);
        Assert.Contains("cut", found[1].Says, StringComparison.Ordinal);
        Assert.Contains("checksum", found[1].Says, StringComparison.Ordinal);
        Assert.Contains("id 'live-tiny'", found[2].Says, StringComparison.Ordinal);
        Assert.Contains("sise", found[3].Says, StringComparison.Ordinal);
        Assert.Contains("--model is 'nowhere'", found[4].Says, StringComparison.Ordinal);
    }

    private Finding Disk(string folder) => Assert.Single(DiskChecks.Run(new ServerOptions { DataFolder = folder, ClipDiskMb = 1 }));

    private (string Certificate, string Key) Certificate(string name, DateTimeOffset from, DateTimeOffset until)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var made = new CertificateRequest($"CN={name}.example", key, HashAlgorithmName.SHA256).CreateSelfSigned(from, until);
        var (certificate, secret) = (Path.Combine(_home, name + ".pem"), Path.Combine(_home, name + ".key"));
        File.WriteAllText(certificate, made.ExportCertificatePem());
        File.WriteAllText(secret, key.ExportPkcs8PrivateKeyPem());
        return (certificate, secret);
    }

    private void Copy(string from, string name, Func<string, string>? manifest = null, Func<byte[], byte[]>? network = null)
    {
        var to = Directory.CreateDirectory(Path.Combine(_home, name)).FullName;
        foreach (var file in Directory.EnumerateFiles(from))
            File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
        var (text, onnx) = (Path.Combine(to, "manifest.json"), Path.Combine(to, "live-tiny.onnx"));
        File.WriteAllText(text, manifest?.Invoke(File.ReadAllText(text)) ?? File.ReadAllText(text));
        File.WriteAllBytes(onnx, network?.Invoke(File.ReadAllBytes(onnx)) ?? File.ReadAllBytes(onnx));
    }
}
