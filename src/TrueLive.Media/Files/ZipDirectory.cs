using System.Buffers.Binary;

namespace TrueLive.Media.Files;

/// <summary>
/// Finds how large the directory of a ZIP file is before it is read: a reader makes an object for every entry, and a file of a few
/// megabytes can contain more entries than fit into memory.
/// </summary>
internal static class ZipDirectory
{
    /// <summary>Largest directory that is read, in bytes: 36,000 entries with long names.</summary>
    public const long MaxBytes = 24L << 20;

    private const int EndLength = 22;
    private const int MaxComment = 65535;
    private const int LocatorLength = 20;

    /// <summary>
    /// Bytes from where the directory begins to the end of the file, whatever the file says about its size and count: no reader finds more
    /// entries than fit there.
    /// </summary>
    /// <exception cref="InvalidDataException">
    /// The file has no valid directory, or two readers could look for it in different places.
    /// </exception>
    public static long BytesOf(string path)
    {
        using var file = File.OpenRead(path);
        var tail = new byte[(int)Math.Min(file.Length, EndLength + MaxComment + LocatorLength)];
        file.Position = file.Length - tail.Length;
        file.ReadExactly(tail);
        // The first record that a search from the end finds; with its comment it must extend to the end of the file.
        var end = tail.AsSpan(0, Math.Max(0, tail.Length - EndLength + 4)).LastIndexOf("PK\u0005\u0006"u8);
        if (end < 0 || end + EndLength + BinaryPrimitives.ReadUInt16LittleEndian(tail.AsSpan(end + 20)) != tail.Length)
            throw new InvalidDataException("The end record does not end the file.");
        long start = BinaryPrimitives.ReadUInt32LittleEndian(tail.AsSpan(end + 16));
        if (IsMarked(tail.AsSpan(end, EndLength)))
            start = Math.Min(start, LargeStart(file, tail, end));
        return start >= 0 && start < file.Length
            ? file.Length - start
            : throw new InvalidDataException("The directory lies outside the file.");
    }

    // A disk or count of 0xFFFF, or a size or offset of 0xFFFFFFFF, refers a reader to the Zip64 record. Readers differ in which of these
    // they check, so the earlier of the two offsets is used: it is safe for all.
    private static bool IsMarked(ReadOnlySpan<byte> record)
    {
        for (var at = 4; at < 12; at += 2)
        {
            if (BinaryPrimitives.ReadUInt16LittleEndian(record[at..]) == ushort.MaxValue)
                return true;
        }
        return BinaryPrimitives.ReadUInt32LittleEndian(record[12..]) == uint.MaxValue
            || BinaryPrimitives.ReadUInt32LittleEndian(record[16..]) == uint.MaxValue;
    }

    // A locator right before the end record points to the Zip64 record.
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
