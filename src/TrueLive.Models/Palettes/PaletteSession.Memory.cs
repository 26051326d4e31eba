using System.Buffers.Binary;
using System.Runtime.InteropServices;
using TrueLive.Core.Models;

namespace TrueLive.Models.Palettes;

/// <content>
/// Copies of the memory: the model's own, and behind it the palette's, where one is in force. It ends with a mark, so a memory without it
/// is read as well.
/// </content>
internal sealed partial class PaletteSession
{
    private const uint Mark = 0x314c4150;
    private const int End = sizeof(int) + sizeof(uint);

    // Strengths, and means and products of samples, lie well within.
    private const int Most = 2;

    public ModelState Capture()
    {
        var state = session.Capture();
        if (_style.IsZero && _wish.Palette is null && _wishes.TrueForAll(w => w.Palette is null))
            return state;
        var bytes = new MemoryStream(state.Bytes.Length + 512);
        using var to = new BinaryWriter(bytes);
        to.Write(state.Bytes.Span);
        to.Write(_style.Snapshot());
        Span<byte> moments = stackalloc byte[MovingMoments.SavedLength];
        _moments.Save(moments);
        to.Write(moments);
        to.Write(_picture);
        _wish.Save(to);
        to.Write(_wishes.Count);
        foreach (var wish in _wishes)
            wish.Save(to);
        to.Write((int)bytes.Length - state.Bytes.Length);
        to.Write(Mark);
        return state with { Bytes = bytes.GetBuffer().AsMemory(0, (int)bytes.Length) };
    }

    public void Restore(ModelState state)
    {
        var (bytes, own) = (state.Bytes, ReadOnlyMemory<byte>.Empty);
        if (bytes.Length >= End && BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[^sizeof(uint)..]) == Mark)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[^End..]);
            if (length < 0 || length > bytes.Length - End)
                throw new ArgumentException($"The memory has {bytes.Length} bytes, too few for that of a palette.");
            own = bytes.Slice(bytes.Length - End - length, length);
            bytes = bytes[..^(End + length)];
        }
        var held = own.IsEmpty ? new Held([], [], "", PaletteWish.None, []) : Recall(own);
        // The model refuses what is not a memory of its own.
        session.Restore(state with { Bytes = bytes });
        (_picture, _wish) = (held.Picture, held.Wish);
        _wishes.Clear();
        _wishes.AddRange(held.Wishes);
        if (own.IsEmpty)
        {
            // A memory is copied behind a picture.
            _style.Rest(begun: true);
            _moments.Forget();
        }
        else
        {
            _style.Restore(held.Style);
            _moments.Recall(held.Moments);
        }
    }

    private Held Recall(ReadOnlyMemory<byte> bytes)
    {
        using var from = new BinaryReader(new MemoryStream(bytes.ToArray()));
        try
        {
            var held = new Held(Exactly(from, _style.SnapshotLength), Exactly(from, MovingMoments.SavedLength), PaletteAim.Id(from),
                PaletteWish.Recall(from), []);
            if (Numbers<float>(held.Style.AsSpan(0, 3 * PaletteWish.Length * sizeof(float))).ContainsAnyExceptInRange(-Most, Most)
                || Numbers<double>(held.Moments.AsSpan(0, ColourMoments.Count * sizeof(double))).ContainsAnyExceptInRange(-Most, Most))
                throw new InvalidDataException("Its numbers are out of range.");
            var count = from.ReadInt32();
            if (count is < 0 or > MaxWishes)
                throw new InvalidDataException($"It has {count} palettes.");
            for (var i = 0; i < count; i++)
                held.Wishes.Add(PaletteWish.Recall(from));
            return from.BaseStream.Position == from.BaseStream.Length ? held
                : throw new InvalidDataException("It is longer than its palettes.");
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new ArgumentException($"The memory's palette could not be read: {e.Message}", e);
        }
    }

    private static ReadOnlySpan<T> Numbers<T>(ReadOnlySpan<byte> bytes)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(bytes);

    private static byte[] Exactly(BinaryReader from, int length) =>
        from.ReadBytes(length) is var bytes && bytes.Length == length ? bytes : throw new EndOfStreamException();

    private sealed record Held(byte[] Style, byte[] Moments, string Picture, PaletteWish Wish, List<PaletteWish> Wishes);
}
