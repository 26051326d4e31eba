using System.IO.Compression;
using System.Runtime.InteropServices;

namespace TrueLive.Probe.Features;

/// <summary>
/// The raw data of a run on disk: gzip over little-endian numbers, each list with its length before it. Enough to recompute
/// every number of a report.
/// </summary>
internal static class ObservationFile
{
    private const uint Magic = 0x32424f54; // "TOB2"

    /// <summary>Writes an observation.</summary>
    public static void Write(Observation seen, Stream stream)
    {
        using var packed = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
        using var writer = new BinaryWriter(packed);
        writer.Write(Magic);
        writer.Write(FeatureExtractor.Count);
        List(writer, [.. seen.Sent]);
        List(writer, [.. seen.PromptSent]);
        List(writer, [.. seen.Times]);
        for (var i = 0; i < seen.Count; i++)
        {
            writer.Write(MemoryMarshal.AsBytes(seen.Features(i)));
            writer.Write(seen.Change[i]);
            writer.Write(seen.Midpoint[i]);
        }
        writer.Write(seen.Pictures.Count);
        foreach (var (frame, planes) in seen.Pictures)
        {
            writer.Write(frame);
            writer.Write(planes);
        }
    }

    /// <summary>Reads an observation.</summary>
    /// <exception cref="FormatException">Not an observation file, cut short, or larger than the limits.</exception>
    public static Observation Read(Stream stream)
    {
        try
        {
            using var packed = new GZipStream(stream, CompressionMode.Decompress, leaveOpen: true);
            using var reader = new BinaryReader(packed);
            if (reader.ReadUInt32() != Magic || reader.ReadInt32() != FeatureExtractor.Count)
                throw new FormatException("This is not an observation file of this version.");
            var seen = new Observation();
            seen.Sent.AddRange(List(reader));
            seen.PromptSent.AddRange(List(reader));
            var times = List(reader);
            var features = new float[FeatureExtractor.Count];
            foreach (var time in times)
            {
                for (var f = 0; f < features.Length; f++)
                    features[f] = reader.ReadSingle();
                seen.Restore(time, features, reader.ReadSingle(), reader.ReadSingle());
            }
            var pictures = reader.ReadInt32();
            if (pictures is < 0 or > Observation.MaxPictures)
                throw new FormatException($"The file claims {pictures} pictures.");
            for (var k = 0; k < pictures; k++)
            {
                var frame = reader.ReadInt32();
                var planes = reader.ReadBytes(Observation.PictureBytes);
                if (planes.Length < Observation.PictureBytes || frame < 0 || frame >= seen.Count)
                    throw new FormatException("The observation file is cut short.");
                seen.RestorePicture(frame, planes);
            }
            return seen;
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new FormatException("The observation file is damaged or cut short.", e);
        }
    }

    private static void List(BinaryWriter writer, double[] values)
    {
        writer.Write(values.Length);
        writer.Write(MemoryMarshal.AsBytes(values.AsSpan()));
    }

    private static double[] List(BinaryReader reader)
    {
        var count = reader.ReadInt32();
        if (count is < 0 or > Observation.MaxFrames)
            throw new FormatException($"The file claims a list of {count} entries.");
        var values = new double[count];
        for (var k = 0; k < count; k++)
            values[k] = reader.ReadDouble();
        return values;
    }
}
