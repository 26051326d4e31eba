using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>HTTPS: whether browsers will let the page use a camera, and whether the certificate can be used.</summary>
internal static class TlsChecks
{
    private const string Part = "tls";
    private static readonly TimeSpan Soon = TimeSpan.FromDays(14);

    /// <summary>Browsers allow the camera only on pages over HTTPS and on pages of the same machine.</summary>
    public static Finding SecureOrigin(ServerOptions options)
    {
        if (options.TlsCertificate is not null)
            return Finding.Right("camera", "the page is served over https, so browsers give it the camera");
        if (options.TlsSelfMade)
            return Finding.Right("camera",
                "the page is served over https with a certificate of the server's own: a browser asks once before it trusts it, then " +
                "gives the camera");
        if (options.Host == "localhost" || IPAddress.IsLoopback(IPAddress.Parse(options.Host)))
            return Finding.Right("camera", "the page is served to this machine only, where browsers give the camera without https");
        return Finding.Wrong("camera", $"the page is served over http on {options.Host}: browsers on other machines give it no camera.",
            "Set --tls-certificate and --tls-key, or --tls-self-made. Behind a proxy that speaks https, listen on 127.0.0.1.");
    }

    /// <summary>Null when no certificate files are configured.</summary>
    public static Finding? Files(ServerOptions options, TimeProvider time)
    {
        if (options is not { TlsCertificate: { } chain, TlsKey: { } key })
            return null;
        foreach (var file in new[] { chain, key })
        {
            try
            {
                _ = File.ReadAllText(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return Finding.Wrong(Part, $"{file} cannot be read: {e.Message}",
                    "Correct the path, or give the file to the user that runs the server (chown, chmod 600).");
            }
        }
        try
        {
            using var certificate = X509Certificate2.CreateFromPemFile(chain, key);
            var (now, from, until) = (time.GetUtcNow().UtcDateTime, certificate.NotBefore.ToUniversalTime(),
                certificate.NotAfter.ToUniversalTime());
            var says = $"{chain} is for {certificate.Subject}, valid until {until:u}";
            if (now > until)
                return Finding.Wrong(Part, $"{chain} was valid until {until:u}: browsers refuse it.",
                    "Renew it (certbot renew), then start the server again.");
            if (now < from)
                return Finding.Wrong(Part, $"{chain} is valid from {from:u} only, and it is {now:u} here.",
                    "Set the clock, or wait until then.");
            return until - now < Soon
                ? Finding.Note(Part, says, "It ends soon: renew it (certbot renew), then start the server again.")
                : Finding.Right(Part, says);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return Finding.Wrong(Part, $"{chain} and {key} do not go together as certificate and key: {e.Message}",
                "Both must be PEM, the key without a password and the one that the certificate was made for: 'openssl x509 -pubkey " +
                    "-noout -in CERTIFICATE' and 'openssl pkey -pubout -in KEY' must print the same.");
        }
    }
}
