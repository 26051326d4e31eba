using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace TrueLive.WebRtc.Sdp;

/// <summary>One <c>a=</c> line (RFC 8866 section 5.13): a flag when <paramref name="Value"/> is empty.</summary>
public readonly record struct SdpAttribute(string Name, string Value);

/// <summary>One media description: an <c>m=</c> line and the attributes below it (RFC 8866 section 5.14).</summary>
public sealed record MediaDescription
{
    /// <summary><c>audio</c>, <c>video</c> or <c>application</c> (others are kept as they come).</summary>
    public required string Kind { get; init; }

    /// <summary>Transport port; 0 means the section is rejected (9 when ICE chooses).</summary>
    public required int Port { get; init; }

    /// <summary>For example <c>UDP/TLS/RTP/SAVPF</c>.</summary>
    public required string Protocol { get; init; }

    /// <summary>Payload types, or <c>webrtc-datachannel</c>.</summary>
    public required IReadOnlyList<string> Formats { get; init; }

    /// <summary>The attributes in their order.</summary>
    public List<SdpAttribute> Attributes { get; } = [];

    /// <summary>Value of the first attribute with this name, or null.</summary>
    public string? Attribute(string name) => SessionDescription.First(Attributes, name);

    /// <summary>Values of all attributes with this name, in order.</summary>
    public IEnumerable<string> All(string name)
    {
        foreach (var attribute in Attributes)
        {
            if (attribute.Name == name)
                yield return attribute.Value;
        }
    }
}

/// <summary>
/// A session description (RFC 8866) as far as WebRTC uses it: session attributes and media sections. Lines that
/// WebRTC ignores (b=, k=, r=, ...) are skipped. Reading is bounded in size and count and never throws.
/// </summary>
public sealed class SessionDescription
{
    /// <summary>Longest text accepted, in characters. A browser's offer of three sections is about 8 000.</summary>
    public const int MaxLength = 128 * 1024;
    private const int MaxMedia = 128;
    private const int MaxAttributes = 4000;

    /// <summary>Attributes above the first <c>m=</c> line.</summary>
    public List<SdpAttribute> Attributes { get; } = [];

    /// <summary>The media sections in their order.</summary>
    public List<MediaDescription> Media { get; } = [];

    /// <summary>Value of the first session attribute with this name, or null.</summary>
    public string? Attribute(string name) => First(Attributes, name);

    /// <summary>Reads a description. On failure <paramref name="error"/> says which line and why.</summary>
    public static bool TryParse(
        ReadOnlySpan<char> text, [NotNullWhen(true)] out SessionDescription? description, [NotNullWhen(false)] out string? error)
    {
        description = null;
        if (text.Length > MaxLength)
        {
            error = $"the session description has {text.Length} characters; at most {MaxLength} are accepted";
            return false;
        }

        var result = new SessionDescription();
        var attributes = result.Attributes;
        int number = 0, count = 0;
        var versionSeen = false;
        foreach (var raw in text.EnumerateLines())
        {
            number++;
            var line = raw.TrimEnd();
            if (line.IsEmpty)
                continue;

            if (line.Length < 2 || line[1] != '=')
            {
                error = $"line {number} is not of the form <letter>=<value>";
                return false;
            }

            var value = line[2..];
            if (!versionSeen)
            {
                if (line[0] != 'v' || value is not "0")
                {
                    error = "a session description begins with v=0";
                    return false;
                }

                versionSeen = true;
            }
            else if (line[0] == 'a')
            {
                if (++count > MaxAttributes)
                {
                    error = $"more than {MaxAttributes} attributes";
                    return false;
                }

                var colon = value.IndexOf(':');
                attributes.Add(colon < 0
                    ? new SdpAttribute(value.ToString(), "")
                    : new SdpAttribute(value[..colon].ToString(), value[(colon + 1)..].ToString()));
            }
            else if (line[0] == 'm')
            {
                if (result.Media.Count == MaxMedia || ParseMedia(value) is not { } media)
                {
                    error = result.Media.Count == MaxMedia ? $"more than {MaxMedia} media sections" : $"line {number}: unreadable m= line";
                    return false;
                }

                result.Media.Add(media);
                attributes = media.Attributes;
            }
        }

        if (!versionSeen)
        {
            error = "the session description is empty";
            return false;
        }

        description = result;
        error = null;
        return true;
    }

    private static MediaDescription? ParseMedia(ReadOnlySpan<char> value)
    {
        // m=<media> <port>[/<number>] <proto> <fmt> ...
        var parts = value.ToString().Split(' ', 131, StringSplitOptions.RemoveEmptyEntries);
        if (parts.Length < 4)
            return null;

        var port = parts[1].AsSpan();
        var slash = port.IndexOf('/');
        return int.TryParse(slash < 0 ? port : port[..slash], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            && number <= 65535
            ? new MediaDescription { Kind = parts[0], Port = number, Protocol = parts[2], Formats = parts[3..] }
            : null;
    }

    internal static string? First(List<SdpAttribute> attributes, string name)
    {
        foreach (var attribute in attributes)
        {
            if (attribute.Name == name)
                return attribute.Value;
        }

        return null;
    }
}
