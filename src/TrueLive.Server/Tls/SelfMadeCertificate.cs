using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tls;

/// <summary>A certificate for HTTPS that the server makes once and keeps, so that a browser has to be told to trust it only once.</summary>
internal static class SelfMadeCertificate
{
    /// <summary>
    /// The stored certificate, or a new one for a year when there is none, it is for another host, or it expires within 30 days.
    /// </summary>
    public static X509Certificate2 LoadOrMake(string folder, string host, TimeProvider time)
    {
        var file = Path.Combine(folder, "tls-self-made.pfx");
        var now = time.GetUtcNow();
        if (File.Exists(file))
        {
            var kept = X509CertificateLoader.LoadPkcs12FromFile(file, null);
            if (kept.NotAfter.ToUniversalTime() > now.UtcDateTime.AddDays(30) && kept.MatchesHostname(host, allowWildcards: false))
                return kept;
            kept.Dispose();
        }
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=TrueLive", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddDnsName(Dns.GetHostName());
        names.AddIpAddress(IPAddress.Loopback);
        names.AddIpAddress(IPAddress.IPv6Loopback);
        if (IPAddress.TryParse(host, out var address))
            names.AddIpAddress(address);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(365));
        var pfx = made.Export(X509ContentType.Pfx);
        PrivateFiles.MakeFolder(folder);
        using (var stream = new FileStream(file, new FileStreamOptions
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            stream.Write(pfx);
        }
        return X509CertificateLoader.LoadPkcs12(pfx, null);
    }
}
