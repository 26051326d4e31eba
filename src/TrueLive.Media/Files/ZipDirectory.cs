using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// Looks at how large the directory of a ZIP file is before anybody reads it: a reader makes an object of every entry, and a file of a few
/// megabytes
/// can hold more entries than memory.
/// </summary>
internal static class ZipDirectory
{
    /// <summary>Bytes of directory that are read: 36,000 entries with long names.</summary>
    public const long MaxBytes = 24L << 20;

    private const int EndLength = 22;
    private const int MaxComment = 65535;
    private const int LocatorLength = 20;

    /// <summary>
    /// Bytes from where the directory begins to the end of the file, whatever the file says of its size and count: no reader finds more
    /// entries than fit there.
    /// </summary>
    /// <exception cref="InvalidDataException">The file names no such place, or two readers could take different ones.</exception>
    public static long BytesOf(string path)
    {
        using var file = File.OpenRead(path);
        var tail = new byte[(int)Math.Min(file.Length, EndLength + MaxComment + LocatorLength)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        // The record that a reader comes upon first from the end, which must reach to the end with its comment.
        var end = tail.AsSpan(0, Math.Max(0, tail.Length - EndLength + 4)).LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0 || end + EndLength + BinaryPrimitives.ReadUInt16LittleEndian(tail.AsSpan(end + 20)) != tail.Length)
            throw new InvalidDataException("The end record does not end the file.");
        long start = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + 16));
        if (IsMarked(tail.AsSpan(end, EndLength)))
            start = Math.Min(start, LargeStart(file, tail, end));
        return start >= 0 && start < file.Length ? file.Length - start : throw new InvalidDataException("The directory lies outside the file.");
    }

    // A disk or count of 0xFFFF, or a size or place of 0xFFFFFFFF, sends a reader to the record of large archives (Zip64), some for each of
    // these and some
    // for a few only: the earlier of the two places holds for all.
    private static bool IsMarked(ReadOnlySpan<byte> record)
    {
        for (var at = 4; at < 12; at += 2)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(record[at..]) == ushort.MaxValue)
                return true;
        }
        return BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) == uint.MaxValue || BinaryPrimitives.ReadUInt32LittleEndian(record[16..]) == uint.MaxValue;
    }

    // Right before the end record lies a locator, which points to the large one.
    private static long LargeStart(FileStream file, ReadOnlySpan<byte> tail, int end)
    {
        if (end < LocatorLength || !tail.Slice(end - LocatorLength, 4).SequenceEqual("PK\u0006\u0007"u8))
            throw new InvalidDataException("The record of a large archive is missing.");
        var at = BinaryPrimitives.ReadInt64LittleEndian(tail[(end - LocatorLength + 8)..]);
        var record = new byte[56];
        if (at < 0 || at > file.Length - record.Length)
            throw new InvalidDataException("The record of a large archive lies outside the file.");
        file.Position = at;
        file.ReadExactly(record);
        return BinaryPrimitives.ReadInt64LittleEndian(record.AsSpan(48));
    }
}
