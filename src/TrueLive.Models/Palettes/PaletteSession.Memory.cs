using System.Buffers.Binary;
using System.Runtime.InteropServices;
using TrueLive.Core.Models;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Palettes;

/// <content>
/// Copies of the memory: the model's own, and behind it the palette's, where one is in force or the model holds frames. It ends with a
/// mark, so a memory without it is read as well: no palette was in force in it.
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
        if (!_holds && _style is { HasBegun: true, IsZero: true } && _wish.Palette is null)
            return state;
        var bytes = new MemoryStream(state.Bytes.Length + 2048);
        using var to = new BinaryWriter(bytes);
        to.Write(state.Bytes.Span);
        to.Write(_style.Snapshot());
        var adjusted = _adjuster.Snapshot();
        to.Write(adjusted.Length > 0);
        to.Write(adjusted);
        _moments.Save(to);
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
        var held = own.IsEmpty ? new Held([], [], new MovingMoments(), "", PaletteWish.None, []) : Recall(own);
        // The model refuses what is not a memory of its own.
        session.Restore(state with { Bytes = bytes });
        (_moments, _picture, _wish) = (held.Moments, held.Picture, held.Wish);
        _wishes.Clear();
        _wishes.AddRange(held.Wishes);
        if (own.IsEmpty)
            _style.Rest(begun: true);
        else
            _style.Restore(held.Style);
        _adjuster.Restore(held.Adjusted, _style.HasBegun);
    }

    private Held Recall(ReadOnlyMemory<byte> bytes)
    {
        using var from = new BinaryReader(new MemoryStream(bytes.ToArray()));
        try
        {
            var held = new Held(Transition(from, _style.SnapshotLength),
                from.ReadBoolean() ? Transition(from, _adjuster.SnapshotLength) : [],
                MovingMoments.Recall(from), PaletteAim.Id(from), PaletteWish.Recall(from), []);
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

    // Three vectors, then times.
    private static byte[] Transition(BinaryReader from, int length)
    {
        var bytes = new byte[length];
        from.BaseStream.ReadExactly(bytes);
        var vectors = MemoryMarshal.Cast<byte, float>(bytes.AsSpan(0, length - StyleTransition.TimesLength));
        return vectors.ContainsAnyExceptInRange(-Most, Most) ? throw new InvalidDataException("A transition is out of range.") : bytes;
    }

    private sealed record Held(
        byte[] Style, byte[] Adjusted, MovingMoments Moments, string Picture, PaletteWish Wish, List<PaletteWish> Wishes);
}
