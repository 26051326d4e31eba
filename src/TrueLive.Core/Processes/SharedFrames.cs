using System.IO.MemoryMappedFiles;
using Microsoft.Win32.SafeHandles;

namespace TrueLive.Core.Processes;

/// <summary>
/// Memory for pictures shared with a child process, in slots of one size. It is anonymous, so that nothing is left when both processes are
/// gone, and sealed: a child that truncated it would crash this process at the next access.
/// </summary>
public sealed class SharedFrames : IDisposable
{
    private readonly SafeFileHandle _file;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly unsafe byte* _begin;

    /// <summary>Allocates and maps the memory.</summary>
    /// <param name="slotBytes">Bytes of a picture.</param>
    /// <param name="slots">Number of pictures.</param>
    /// <exception cref="IOException">The system cannot provide the memory.</exception>
    public SharedFrames(int slotBytes, int slots)
        : this(AnonymousFile.Make("truelive-frames", StrideOf(slotBytes) * slots), slotBytes, slots)
    {
    }

    /// <summary>Maps memory that another process has made with the same numbers.</summary>
    /// <param name="file">Its file, which is closed on return if it cannot be mapped.</param>
    /// <param name="slotBytes">Bytes of a picture.</param>
    /// <param name="slots">Number of pictures.</param>
    /// <exception cref="IOException">The system cannot map it.</exception>
    public unsafe SharedFrames(SafeFileHandle file, int slotBytes, int slots)
    {
        (_file, SlotBytes, Slots) = (file, slotBytes, slots);
        try
        {
            _map = MemoryMappedFile.CreateFromFile(_file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None,
                leaveOpen: true);
            _view = _map.CreateViewAccessor(0, Length, MemoryMappedFileAccess.ReadWrite);
            byte* begin = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref begin);
            _begin = begin;
        }
        catch
        {
            _view?.Dispose();
            _map?.Dispose();
            _file.Dispose();
            throw;
        }
    }

    /// <summary>Bytes of a picture.</summary>
    public int SlotBytes { get; }

    /// <summary>Number of pictures.</summary>
    public int Slots { get; }

    /// <summary>Bytes of all slots; each starts on a page boundary.</summary>
    public long Length => Stride * Slots;

    /// <summary>Bytes from one slot to the next.</summary>
    public long Stride => StrideOf(SlotBytes);

    /// <summary>The descriptor, to be handed to the child.</summary>
    public SafeFileHandle File => _file;

    /// <summary>A name under which a process of the same user can open the memory as long as this object is in use.</summary>
    public string Path => AnonymousFile.PathOf(_file);

    /// <summary>One picture. Its bytes may change at any time, since the child can write to them.</summary>
    public unsafe Span<byte> this[int slot]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(slot);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, Slots);
            return new Span<byte>(_begin + slot * Stride, SlotBytes);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_view.SafeMemoryMappedViewHandle.IsClosed)
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
        _file.Dispose();
    }

    private static long StrideOf(int slotBytes) => (slotBytes + 4095L) & ~4095L;
}
