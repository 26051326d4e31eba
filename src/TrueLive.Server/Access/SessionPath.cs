namespace TrueLive.Server.Access;

/// <summary>Addresses that name a live session.</summary>
internal static class SessionPath
{
    private static readonly PathString[] Before = ["/whip", "/whep", "/v1/sessions"];

    /// <summary>The id in the address; null where it names no session.</summary>
    public static string? SessionOf(PathString path)
    {
        foreach (var before in Before)
        {
            if (path.StartsWithSegments(before, out var rest) && rest.Value is ['/', _, ..] parts)
                return parts[1..].Split('/')[0];
        }
        return null;
    }
}
