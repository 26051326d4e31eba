namespace TrueLive.Media.Codecs;

/// <summary>What a sequence parameter set says about the pictures (ITU-T H.264 section 7.3.2.1.1).</summary>
/// <param name="Profile">profile_idc.</param>
/// <param name="Chroma">chroma_format_idc: 0 none, 1 4:2:0, 2 4:2:2, 3 4:4:4.</param>
/// <param name="Depth">Bits per sample.</param>
/// <param name="Width">Of the picture, in pixels, after cropping.</param>
/// <param name="Height">Of the picture, in pixels, after cropping.</param>
/// <param name="Fields">Whether pictures may be coded as fields.</param>
/// <param name="MixedFields">Whether blocks within a picture may be coded as fields (MBAFF).</param>
/// <param name="FrameNumberBits">Length of frame_num in a slice.</param>
internal readonly record struct H264Sequence(
    int Profile, int Chroma, int Depth, long Width, long Height, bool Fields, bool MixedFields, int FrameNumberBits)
{
    /// <summary>Such as <c>H.264 High 10 (4:2:0, 10 bit, 1280x720)</c>.</summary>
    public string Words
    {
        get
        {
            var profile = Profile switch
            {
                44 => "CAVLC 4:4:4 Intra",
                66 => "Baseline",
                77 => "Main",
                88 => "Extended",
                100 => "High",
                110 => "High 10",
                122 => "High 4:2:2",
                244 => "High 4:4:4 Predictive",
                _ => $"profile {Profile}",
            };
            return $"H.264 {profile} ({(Chroma switch { 0 => "without colour", 1 => "4:2:0", 2 => "4:2:2", _ => "4:4:4" })}, {Depth} " +
                $"bit, {Width}x{Height})";
        }
    }
}

/// <summary>
/// The part of an H.264 access unit (Annex B) up to its first slice, as far as it decides whether and how the unit can be decoded. Accepts
/// any bytes.
/// </summary>
internal readonly record struct H264Head(H264Sequence? Sequence, bool Idr, int? RecoveryFrames, bool Field)
{
    /// <param name="unit">The access unit.</param>
    /// <param name="known">The sequence parameter set in force, for units that contain none.</param>
    public static H264Head Read(ReadOnlySpan<byte> unit, H264Sequence? known)
    {
        H264Sequence? sequence = null;
        int? recovery = null;
        for (var rest = Next(unit); rest.Length > 1; rest = Next(rest))
        {
            switch (rest[0] & 0x1F)
            {
                case 7:
                    sequence = ReadSequence(rest[1..]) ?? sequence;
                    break;
                case 6:
                    recovery = ReadRecovery(rest[1..]) ?? recovery;
                    break;
                case >= 1 and <= 5:
                    return new H264Head(sequence, (rest[0] & 0x1F) == 5, recovery, IsField(rest[1..], sequence ?? known));
            }
        }
        return new H264Head(sequence, false, recovery, false);
    }

    // What follows the next start code. The end of the unit is not searched for: each parser stops by itself.
    private static ReadOnlySpan<byte> Next(ReadOnlySpan<byte> from)
    {
        var at = from.IndexOf((ReadOnlySpan<byte>)[0, 0, 1]);
        return at < 0 ? default : from[(at + 3)..];
    }

    private static H264Sequence? ReadSequence(ReadOnlySpan<byte> payload)
    {
        var bits = new H264Bits(payload);
        var profile = (int)bits.Read(8);
        bits.Read(16);
        bits.Number();
        var (chroma, depth) = (1u, 8u);
        if (profile is 100 or 110 or 122 or 244 or 44 or 83 or 86 or 118 or 128 or 138 or 139 or 134 or 135)
        {
            chroma = bits.Number();
            if (chroma == 3)
                bits.Read(1);
            depth = 8 + Math.Min(Math.Max(bits.Number(), bits.Number()), 100);
            bits.Read(1);
            if (bits.Read(1) != 0)
                SkipScaling(ref bits, chroma == 3 ? 12 : 8);
        }
        var frameNumber = 4 + Math.Min(bits.Number(), 100);
        switch (bits.Number())
        {
            case 0:
                bits.Number();
                break;
            case 1:
                bits.Read(1);
                bits.Number();
                bits.Number();
                for (var cycle = Math.Min(bits.Number(), 255); cycle > 0; cycle--)
                    bits.Number();
                break;
        }
        bits.Number();
        bits.Read(1);
        var width = 16 * (1L + bits.Number());
        var height = 16 * (1L + bits.Number());
        var frames = bits.Read(1) != 0;
        var mixed = !frames && bits.Read(1) != 0;
        height *= frames ? 1 : 2;
        bits.Read(1);
        if (bits.Read(1) != 0)
        {
            var (unitX, unitY) = (chroma is 1 or 2 ? 2 : 1, (chroma == 1 ? 2 : 1) * (frames ? 1 : 2));
            width -= unitX * ((long)bits.Number() + bits.Number());
            height -= unitY * ((long)bits.Number() + bits.Number());
        }
        return bits.Ended || chroma > 3 || depth > 14 || frameNumber > 16 || width < 1 || height < 1 ? null
            : new H264Sequence(profile, (int)chroma, (int)depth, width, height, !frames, mixed, (int)frameNumber);
    }

    private static void SkipScaling(ref H264Bits bits, int lists)
    {
        for (var list = 0; list < lists; list++)
        {
            if (bits.Read(1) == 0)
                continue;
            var (last, next) = (8, 8);
            for (var i = 0; i < (list < 6 ? 16 : 64) && !bits.Ended; i++)
            {
                if (next != 0)
                    next = (last + bits.Signed() + 256) & 255;
                last = next == 0 ? last : next;
            }
        }
    }

    // Section D.1.8: the number of frames until pictures are correct again.
    private static int? ReadRecovery(ReadOnlySpan<byte> messages)
    {
        var bits = new H264Bits(messages);
        while (!bits.Ended)
        {
            var (kind, size) = (bits.Bytes255(), bits.Bytes255());
            if (kind == 6)
                return (int)Math.Min(bits.Number(), ushort.MaxValue);
            if (size > messages.Length)
                break;
            for (var i = 0; i < size; i++)
                bits.Read(8);
        }
        return null;
    }

    // Section 7.3.3.
    private static bool IsField(ReadOnlySpan<byte> slice, H264Sequence? sequence)
    {
        if (sequence is not { Fields: true } known)
            return false;
        var bits = new H264Bits(slice);
        bits.Number();
        bits.Number();
        bits.Number();
        bits.Read(known.FrameNumberBits);
        return bits.Read(1) != 0 && !bits.Ended;
    }
}
