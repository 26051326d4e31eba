using System.Security.Cryptography;
using System.Text;

namespace TrueLive.WebRtc.Ice;

/// <summary>User fragment and password of one side (RFC 8445 section 5.3).</summary>
internal sealed record IceCredentials(string Ufrag, string Password)
{
    private const string Characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    /// <summary>The password as key of message integrity.</summary>
    public byte[] Key { get; } = Encoding.UTF8.GetBytes(Password);

    /// <summary>New random credentials: 48 bits of name, 144 of password.</summary>
    public static IceCredentials New() =>
        new(RandomNumberGenerator.GetString(Characters, 8), RandomNumberGenerator.GetString(Characters, 24));
}
