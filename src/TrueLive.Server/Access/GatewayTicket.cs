using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TrueLive.Server.Access;

/// <summary>
/// What a fleet's gateway sends with each request to a worker: who asks, and for what. It is signed with a key that the worker and the
/// control nodes share for the length of a link, is valid for one worker and one session, and expires within <see cref="Lasts"/>.
/// </summary>
/// <param name="Worker">The only worker that accepts it.</param>
/// <param name="Session">The only session that may be used or created with it; empty for requests that belong to no session.</param>
/// <param name="Owner">Whose request it is, as <see cref="KnownKey.Owner"/>; empty for a request with only a signed link.</param>
/// <param name="Key">Name of the key that the gateway was shown, for logs.</param>
/// <param name="Link">True when the gateway was shown a signed link instead of a key; the worker has to check the link.</param>
/// <param name="Expires">Seconds since 1970 by the clock of the control node.</param>
/// <param name="Own">True when the control node itself asks, and not for a client: only then are sessions moved.</param>
internal sealed record GatewayTicket(string Worker, string Session, string Owner, string Key, bool Link, long Expires, bool Own = false)
{
    public const string Header = "X-TrueLive-Ticket";

    /// <summary>Bytes of the key.</summary>
    public const int KeyLength = 32;

    /// <summary>Time within which a request reaches its worker.</summary>
    public static readonly TimeSpan Lasts = TimeSpan.FromSeconds(30);

    private const int Longest = 2048;

    public string Sign(ReadOnlySpan<byte> key)
    {
        var claims = Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(this, TicketJson.Default.GatewayTicket));
        return $"{claims}.{Base64Url.EncodeToString(Hash(key, claims))}";
    }

    /// <summary>The ticket in a text; null for one that is malformed or was not signed with this key.</summary>
    public static GatewayTicket? Read(string text, ReadOnlySpan<byte> key)
    {
        if (text.Length > Longest || text.Split('.') is not [var claims, var hash] || !Base64Url.IsValid(claims)
            || !Base64Url.IsValid(hash))
            return null;
        if (!CryptographicOperations.FixedTimeEquals(Hash(key, claims), Base64Url.DecodeFromChars(hash)))
            return null;
        try
        {
            return JsonSerializer.Deserialize(Base64Url.DecodeFromChars(claims), TicketJson.Default.GatewayTicket);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static byte[] Hash(ReadOnlySpan<byte> key, string claims) =>
        HMACSHA256.HashData(key, System.Text.Encoding.ASCII.GetBytes(claims));
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(GatewayTicket))]
internal sealed partial class TicketJson : JsonSerializerContext;
