using System.Buffers;

namespace TrueLive.WebRtc.Rtp;

/// <summary>
/// Packets by extended sequence number in pooled blocks. Grows by doubling up to its limit; a slot is found by the low bits of the
/// number. Not thread-safe.
/// </summary>
/// <typeparam name="T">What is kept beside the bytes of a packet.</typeparam>
internal sealed class PacketRing<T>(int slotSize, int initialSlots, int maxSlots) : IDisposable
    where T : struct
{
    private const int SlotsPerBlock = 32;
    private Slot[] _slots = new Slot[initialSlots];
    private readonly List<byte[]> _blocks = [];
    private readonly Stack<(byte[] Block, int Offset)> _free = new();

    internal struct Slot
    {
        /// <summary>Extended sequence number; 0 while the slot is empty.</summary>
        public long Sequence;
        public byte[]? Block;
        public int Offset;
        public int Length;
        public T Item;
    }

    public int Capacity => _slots.Length;

    /// <summary>The slot that holds <paramref name="sequence"/>; a null reference when there is none.</summary>
    public ref Slot Find(long sequence)
    {
        ref var slot = ref _slots[sequence & (_slots.Length - 1)];
        return ref slot.Sequence == sequence && sequence != 0 ? ref slot : ref System.Runtime.CompilerServices.Unsafe.NullRef<Slot>();
    }

    public bool Contains(long sequence) => sequence != 0 && _slots[sequence & (_slots.Length - 1)].Sequence == sequence;

    /// <summary>
    /// Takes the slot for <paramref name="sequence"/>, evicting an older packet. Its bytes are <see cref="Bytes"/>.
    /// </summary>
    public ref Slot Claim(long sequence)
    {
        ref var slot = ref _slots[sequence & (_slots.Length - 1)];
        if (slot.Block is null)
            (slot.Block, slot.Offset) = TakeSpace();

        slot.Sequence = sequence;
        slot.Length = 0;
        slot.Item = default;
        return ref slot;
    }

    /// <summary>Makes the ring wide enough for <paramref name="span"/> consecutive packets; false when that is beyond the limit.</summary>
    public bool EnsureCapacity(long span)
    {
        if (span > maxSlots)
            return false;

        if (span > _slots.Length)
        {
            var wider = new Slot[System.Numerics.BitOperations.RoundUpToPowerOf2((uint)span)];
            foreach (ref var slot in _slots.AsSpan())
            {
                if (slot.Sequence != 0)
                {
                    wider[slot.Sequence & (wider.Length - 1)] = slot;
                }
                else if (slot.Block is not null)
                {
                    _free.Push((slot.Block, slot.Offset));
                }
            }

            _slots = wider;
        }

        return true;
    }

    public void Remove(long sequence)
    {
        ref var slot = ref _slots[sequence & (_slots.Length - 1)];
        if (slot.Sequence == sequence)
            slot.Sequence = 0;
    }

    public void Clear()
    {
        foreach (ref var slot in _slots.AsSpan())
            slot.Sequence = 0;
    }

    /// <summary>The whole space of a slot.</summary>
    public Span<byte> Bytes(scoped ref Slot slot) => slot.Block.AsSpan(slot.Offset, slotSize);

    /// <summary>The bytes in use in a slot.</summary>
    public static Span<byte> Used(scoped ref Slot slot) => slot.Block.AsSpan(slot.Offset, slot.Length);

    public void Dispose()
    {
        foreach (var block in _blocks)
            ArrayPool<byte>.Shared.Return(block);

        _blocks.Clear();
        _free.Clear();
        _slots = new Slot[1];
    }

    private (byte[] Block, int Offset) TakeSpace()
    {
        if (_free.Count == 0)
        {
            var block = ArrayPool<byte>.Shared.Rent(slotSize * SlotsPerBlock);
            _blocks.Add(block);
            for (var i = SlotsPerBlock - 1; i >= 0; i--)
                _free.Push((block, i * slotSize));
        }

        return _free.Pop();
    }
}
