using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using TrueLive.Server.Configuration;

namespace TrueLive.Server.Tls;

/// <summary>
/// The HTTPS certificate with its whole chain, reloaded when its files change, so that a renewal needs no restart. Thread-safe.
/// </summary>
internal sealed partial class TlsCertificate
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    private readonly string _chain;
    private readonly string _key;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private SslStreamCertificateContext _context;
    private (DateTime, DateTime) _changed;
    private long _looked;

    /// <exception cref="ConfigurationException">The files cannot be read or do not belong together.</exception>
    public TlsCertificate(string chain, string key, TimeProvider time)
    {
        (_chain, _key, _time) = (chain, key, time);
        try
        {
            _changed = Changed();
            _context = Load();
            _looked = time.GetTimestamp();
        }
        catch (Exception error) when (error is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new ConfigurationException([$"tls_certificate {chain} and tls_key {key} cannot be used: {error.Message}"]);
        }
    }

    /// <summary>
    /// The certificate for the next handshake. While files are being replaced or are damaged, the previous certificate stays in use.
    /// </summary>
    public SslStreamCertificateContext Current(ILogger logger)
    {
        lock (_gate)
        {
            if (_time.GetElapsedTime(_looked) < LookEvery)
                return _context;
            _looked = _time.GetTimestamp();
            try
            {
                if (Changed() is var changed && changed != _changed)
                {
                    _context = Load();
                    _changed = changed;
                    LogRenewed(logger, _context.TargetCertificate.NotAfter);
                }
            }
            catch (Exception error) when (error is CryptographicException or ArgumentException or IOException
                or UnauthorizedAccessException)
            {
                LogKept(logger, error.Message);
            }
            return _context;
        }
    }

    private (DateTime, DateTime) Changed() => (File.GetLastWriteTimeUtc(_chain), File.GetLastWriteTimeUtc(_key));

    private SslStreamCertificateContext Load()
    {
        // SslStream does not accept an ephemeral key on some platforms; a round trip through PKCS #12 gives one that works everywhere.
        using var pem = X509Certificate2.CreateFromPemFile(_chain, _key);
        var leaf = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pfx), null);
        var others = new X509Certificate2Collection();
        others.ImportFromPemFile(_chain);
        return SslStreamCertificateContext.Create(leaf, others, offline: true);
    }

    [LoggerMessage(EventId = 1006, EventName = "certificate_renewed", Level = LogLevel.Information,
        Message = "The certificate was renewed; it is good until {Until}.")]
    private static partial void LogRenewed(ILogger logger, DateTime until);

    [LoggerMessage(EventId = 1007, EventName = "certificate_refused", Level = LogLevel.Error,
        Message = "The new certificate cannot be used, and the one before it stays: {Why}")]
    private static partial void LogKept(ILogger logger, string why);
}
