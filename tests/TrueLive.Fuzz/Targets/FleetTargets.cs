using System.Text;
using TrueLive.Server.Access;
using TrueLive.Server.Fleet;

namespace TrueLive.Fuzz.Targets;

/// <summary>What a worker and a control node can send each other, and what a stranger can send a worker.</summary>
internal static class FleetTargets
{
    private static readonly byte[] Key = new byte[GatewayTicket.KeyLength];

    /// <summary>A message of a link: an accepted one can be written and read back unchanged.</summary>
    public static void LinkMessages(ReadOnlySpan<byte> input)
    {
        if (LinkCodec.Read(input) is not { } message)
            return;
        var written = LinkCodec.Write(message);
        if (written.Length <= LinkCodec.Longest && (LinkCodec.Read(written) is not { } again
            || !LinkCodec.Write(again).AsSpan().SequenceEqual(written)))
            throw new InvalidOperationException("what was taken is not taken again");
    }

    /// <summary>A session on its way: an accepted one can be written and read back unchanged.</summary>
    public static void Parcel(ReadOnlySpan<byte> input)
    {
        if (SessionParcel.Read(input.ToArray()) is not var (session, memory))
            return;
        var written = SessionParcel.Write(session, memory);
        if (SessionParcel.Read(written) is not var (same, again) || !SessionParcel.Write(same, again).AsSpan().SequenceEqual(written))
            throw new InvalidOperationException("what was taken is not taken again");
    }

    /// <summary>A ticket that nobody signed opens nothing.</summary>
    public static void Ticket(ReadOnlySpan<byte> input)
    {
        if (GatewayTicket.Read(Encoding.Latin1.GetString(input), Key) is not null)
            throw new InvalidOperationException("a ticket that was not signed was taken");
    }
}
