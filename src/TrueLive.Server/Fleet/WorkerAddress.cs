using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using TrueLive.Server.Configuration;
using TrueLive.Server.Tls;

namespace TrueLive.Server.Fleet;

/// <summary>Where the control nodes of a fleet reach this worker, and how they know that it is the one.</summary>
internal sealed class WorkerAddress(ServerOptions options, IServer server, TimeProvider time)
{
    /// <summary>As set; otherwise scheme and port, and the control node fills in where the link comes from: <c>http://:8080</c>.</summary>
    public string Announced
    {
        get
        {
            if (options.WorkerAddress.Length > 0)
                return options.WorkerAddress;
            var listening = server.Features.Get<IServerAddressesFeature>()!.Addresses.First();
            var scheme = listening[..listening.IndexOf(':', StringComparison.Ordinal)];
            return $"{scheme}://:{listening[(listening.LastIndexOf(':') + 1)..].TrimEnd('/')}";
        }
    }

    /// <summary>SHA-256 of the certificate now in use; null without TLS.</summary>
    public string? Certificate
    {
        get
        {
            if (options.TlsCertificate is null && !options.TlsSelfMade)
                return null;
            using var certificate = options.TlsCertificate is { } chain
                ? X509Certificate2.CreateFromPem(File.ReadAllText(chain))
                    : SelfMadeCertificate.LoadOrMake(options.DataPath, options.Host, time);
            return certificate.GetCertHashString(HashAlgorithmName.SHA256).ToLowerInvariant();
        }
    }
}
