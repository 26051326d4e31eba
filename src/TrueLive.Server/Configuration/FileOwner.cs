using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace TrueLive.Server.Configuration;

/// <summary>The owner of a file, for which .NET has no API.</summary>
internal static partial class FileOwner
{
    private const int CurrentFolder = -100;
    private const uint WithOwner = 8;

    // The layout of `statx` is the same on every architecture: the mask is at offset 0, the owner at 20.
    private const int Length = 256;
    private const int OwnerAt = 20;

    /// <summary>Whether the file belongs neither to this process's user nor to root. False where that cannot be determined.</summary>
    public static bool IsForeign(string path)
    {
        Span<byte> found = stackalloc byte[Length];
        if (!OperatingSystem.IsLinux() || Look(CurrentFolder, path, 0, WithOwner, found) != 0 || (Number(found) & WithOwner) == 0)
            return false;
        var owner = Number(found[OwnerAt..]);
        return owner != 0 && owner != EffectiveUser();
    }

    private static uint Number(ReadOnlySpan<byte> at) =>
        BitConverter.IsLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(at) : BinaryPrimitives.ReadUInt32BigEndian(at);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Look(int folder, string path, int flags, uint mask, Span<byte> to);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
