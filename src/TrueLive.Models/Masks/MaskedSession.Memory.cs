using System.Buffers.Binary;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <content>
/// Copies of the memory: the model's own; behind it the last mask, where one is followed; behind that the inputs that the model holds.
/// Each part that is added ends with a mark, so a memory without them is read as well.
/// </content>
internal sealed partial class MaskedSession
{
    private const uint MaskMark = 0x314b534d;
    private const uint HeldMark = 0x324b534d;
    private const int HeldEnd = sizeof(int) + sizeof(uint);

    public ModelState Capture()
    {
        var state = session.Capture();
        if (_persons is not { Follows: true } && !_holds)
            return state;
        // Its length is known, so that what can be large is not copied while it grows.
        var pictures = _taken.Select(t => t.Wish.Picture).Append(_wish.Picture).Distinct().Sum(p => p?.Bytes.Length ?? 0);
        var bytes = new MemoryStream(state.Bytes.Length + (_persons?.SavedLength ?? 0) + 64 + _taken.Sum(t => t.SavedLength) + pictures);
        using var to = new BinaryWriter(bytes);
        to.Write(state.Bytes.Span);
        if (_persons is { Follows: true })
        {
            var last = new byte[_persons.SavedLength];
            _persons.Save(last);
            to.Write(last);
            to.Write(MaskMark);
        }
        if (_holds)
        {
            var (began, known) = (bytes.Length, new List<ReferencePicture>());
            _wish.Save(to, known);
            to.Write(_taken.Count);
            foreach (var taken in _taken)
                taken.Save(to, known);
            to.Write((int)(bytes.Length - began));
            to.Write(HeldMark);
        }
        return state with { Bytes = bytes.GetBuffer().AsMemory(0, (int)bytes.Length) };
    }

    public void Restore(ModelState state)
    {
        var bytes = state.Bytes;
        var (wish, held) = (MaskWish.None, new List<TakenFrame>());
        try
        {
            if (Ends(bytes, HeldMark))
            {
                var length = bytes.Length < HeldEnd ? -1 : BinaryPrimitives.ReadInt32LittleEndian(bytes.Span[^HeldEnd..]);
                if (length < 0 || length > bytes.Length - HeldEnd)
                    throw Short();
                wish = RecallHeld(bytes.Slice(bytes.Length - HeldEnd - length, length), held);
                bytes = bytes[..^(HeldEnd + length)];
            }
            var last = ReadOnlyMemory<byte>.Empty;
            if (Ends(bytes, MaskMark))
            {
                var own = bytes.Length - Persons.SavedLength - sizeof(uint);
                if (own < 0)
                    throw Short();
                (bytes, last) = (bytes[..own], bytes[own..^sizeof(uint)]);
            }
            // The model refuses what is not a memory of its own, and one of another size.
            session.Restore(state with { Bytes = bytes });
            Drop(_taken.Count);
            (_wish, held) = (wish, Move(held));
            if (last.IsEmpty)
                _persons?.Forget();
            else
                Persons.Recall(last.Span);
        }
        finally
        {
            foreach (var one in held)
                one.Dispose();
        }

        ArgumentException Short() => new($"The memory has {state.Bytes.Length} bytes, too few for that of a mask.");
    }

    private static bool Ends(ReadOnlyMemory<byte> bytes, uint mark) =>
        bytes.Length >= sizeof(uint) && BinaryPrimitives.ReadUInt32LittleEndian(bytes.Span[^sizeof(uint)..]) == mark;

    private List<TakenFrame> Move(List<TakenFrame> held)
    {
        _taken.AddRange(held);
        return [];
    }

    // Frames read before an error are in the list, for the caller to dispose.
    private MaskWish RecallHeld(ReadOnlyMemory<byte> bytes, List<TakenFrame> into)
    {
        using var from = new BinaryReader(new MemoryStream(bytes.ToArray()));
        try
        {
            var known = new List<ReferencePicture>();
            var wish = MaskWish.Recall(from, known);
            var count = from.ReadInt32();
            if (count is < 0 or > MaxTaken)
                throw new InvalidDataException($"It holds {count} frames.");
            for (var i = 0; i < count; i++)
                into.Add(TakenFrame.Recall(from, _fitted, Width, Height, known));
            if (from.BaseStream.Position != from.BaseStream.Length)
                throw new InvalidDataException("It is longer than its frames.");
            return wish;
        }
        catch (Exception e) when (e is EndOfStreamException or InvalidDataException)
        {
            throw new ArgumentException($"The memory's frames at {Width}x{Height} could not be read: {e.Message}", e);
        }
    }
}
