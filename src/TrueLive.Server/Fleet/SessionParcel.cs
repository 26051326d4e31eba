using System.Buffers.Binary;
using System.Text.Json;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Live.Sessions;

namespace TrueLive.Server.Fleet;

/// <summary>What a session's parcel says before the bytes of the model's memory.</summary>
/// <param name="Session">The session.</param>
/// <param name="Model">Model of the memory; null without one, as are the version and the sizes.</param>
/// <param name="Version">Version of the model.</param>
/// <param name="Width">Width that the model runs at.</param>
/// <param name="Height">Height that the model runs at.</param>
/// <param name="Next">As <see cref="SessionMemory.Next"/>.</param>
/// <param name="LatestTicks">As <see cref="SessionMemory.Latest"/>.</param>
/// <param name="HeardAgoTicks">As <see cref="SessionMemory.HeardAgo"/>.</param>
internal sealed record ParcelHead(KeptSession Session, string? Model, string? Version, int Width, int Height, long Next, long LatestTicks,
    long HeardAgoTicks);

/// <summary>
/// A session on its way to another machine: a magic number, the length of a head, the head as JSON, then the model's memory. What comes
/// from the other side is believed only within bounds.
/// </summary>
internal static class SessionParcel
{
    /// <summary>Longest parcel, in bytes.</summary>
    public const int Longest = 64 << 20;

    // "TLP" and the version.
    private const uint Magic = 0x544c5001;
    private const int LongestHead = 4 << 20;
    private const int Prefix = 8;
    private static readonly TimeSpan LongestTime = TimeSpan.FromDays(3650);

    /// <summary>The parcel. A memory that would be too long stays behind.</summary>
    public static byte[] Write(KeptSession session, SessionMemory memory)
    {
        var parcel = Join(session, memory);
        return parcel.Length <= Longest ? parcel : Join(session, memory with { Model = null });
    }

    /// <summary>The session and its memory; null for what is no parcel.</summary>
    public static (KeptSession Session, SessionMemory Memory)? Read(ReadOnlyMemory<byte> parcel)
    {
        var bytes = parcel.Span;
        if (bytes.Length is < Prefix or > Longest || BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic)
            return null;
        var length = BinaryPrimitives.ReadUInt32BigEndian(bytes[4..]);
        if (length > LongestHead || length > bytes.Length - Prefix)
            return null;
        try
        {
            if (JsonSerializer.Deserialize(bytes.Slice(Prefix, (int)length), LinkJson.Default.ParcelHead) is not { } head || !IsSound(head))
                return null;
            var state = parcel[(Prefix + (int)length)..];
            if (head.Model is null && state.Length > 0)
                return null;
            return (head.Session, new SessionMemory(
                head.Model is null ? null : new ModelState(head.Model, head.Version ?? "", head.Width, head.Height, state),
                head.Next, TimeSpan.FromTicks(head.LatestTicks), TimeSpan.FromTicks(head.HeardAgoTicks)));
        }
        catch (Exception wrong) when (wrong is JsonException or NotSupportedException)
        {
            return null;
        }
    }

    private static byte[] Join(KeptSession session, SessionMemory memory)
    {
        var (model, state) = (memory.Model, memory.Model?.Bytes ?? ReadOnlyMemory<byte>.Empty);
        var head = JsonSerializer.SerializeToUtf8Bytes(
            new ParcelHead(session, model?.ModelId, model?.ModelVersion, model?.Width ?? 0, model?.Height ?? 0, memory.Next,
                memory.Latest.Ticks, memory.HeardAgo.Ticks), LinkJson.Default.ParcelHead);
        var parcel = new byte[Prefix + head.Length + state.Length];
        BinaryPrimitives.WriteUInt32BigEndian(parcel, Magic);
        BinaryPrimitives.WriteUInt32BigEndian(parcel.AsSpan(4), (uint)head.Length);
        head.CopyTo(parcel, Prefix);
        state.Span.CopyTo(parcel.AsSpan(Prefix + head.Length));
        return parcel;
    }

    private static bool IsSound(ParcelHead head) => head.Session is not null && LinkCodec.IsSound(head.Session)
        && head.Model is null or { Length: <= 128 } && head.Version is null or { Length: <= 128 }
        && head is { Width: >= 0 and <= 8192, Height: >= 0 and <= 8192, Next: >= 0 and < long.MaxValue / 2 }
        && Math.Abs((decimal)head.LatestTicks) <= LongestTime.Ticks && head.HeardAgoTicks >= 0 && head.HeardAgoTicks <= LongestTime.Ticks;
}
