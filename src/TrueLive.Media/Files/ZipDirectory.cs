using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// Looks at how large the directory of a ZIP file is before anybody reads it: a reader makes an object of every entry, and a file of a few megabytes
/// can hold more entries than memory.
/// </summary>
internal static class ZipDirectory
{
    /// <summary>Bytes of directory that are read: 36,000 entries with long names.</summary>
    public const long MaxBytes = 24L << 20;

    private const int EndLength = 22;
    private const int MaxComment = 65535;

    /// <summary>
    /// Bytes from where the directory begins to the end of the file, whatever the file says of its size and count; null when it names no such place.
    /// </summary>
    public static long? BytesOf(string path)
    {
        using var file = File.OpenRead(path);
        var tail = new byte[(int)Math.Min(file.Length, EndLength + MaxComment + 20)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        var end = tail.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0 || tail.Length - end < EndLength)
            return null;
        long start = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + 16));
        // A large archive says it in a record of its own, which another one, right before the end, points to.
        if (start == uint.MaxValue && end >= 20 && tail.AsSpan(end - 20, 4).SequenceEqual("PK\u0006\u0007"u8))
        {
            var at = BinaryPrimitives.ReadInt64LittleEndian(tail.AsSpan(end - 12));
            var record = new byte[56];
            if (at < 0 || at > file.Length - record.Length)
                return null;
            file.Position = at;
            file.ReadExactly(record);
            start = BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(48));
        }
        return start >= 0 && start < file.Length ? file.Length - start : null;
    }
}
