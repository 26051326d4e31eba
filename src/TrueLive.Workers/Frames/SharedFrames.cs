using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TrueLive.Workers.Frames;

/// <summary>
/// Memory shared with a worker: the first slot holds the input frame, the others hold output frames. It is anonymous, so that nothing is
/// left when both processes are gone, and sealed: a worker that truncated it would crash this process at the next access.
/// </summary>
internal sealed partial class SharedFrames : IDisposable
{
    private const uint AllowSealing = 2;
    private const uint CloseOnExec = 1;
    private const int AddSeals = 1033;
    private const int NeitherShorterNorLongerNorOtherwise = 1 | 2 | 4;

    private readonly SafeFileHandle _file;
    private readonly MemoryMappedFile _map;
    private readonly MemoryMappedViewAccessor _view;
    private readonly unsafe byte* _begin;

    /// <summary>Allocates and maps the memory.</summary>
    /// <param name="slotBytes">Bytes of a picture.</param>
    /// <param name="slots">Number of pictures.</param>
    /// <exception cref="IOException">The system cannot provide the memory.</exception>
    public unsafe SharedFrames(int slotBytes, int slots)
    {
        (SlotBytes, Slots) = (slotBytes, slots);
        var descriptor = Create("truelive-frames", AllowSealing | CloseOnExec);
        if (descriptor < 0)
            throw new IOException($"Shared memory for a worker cannot be made (error {Marshal.GetLastPInvokeError()}).");
        _file = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            RandomAccess.SetLength(_file, Length);
            if (Control(descriptor, AddSeals, NeitherShorterNorLongerNorOtherwise) < 0)
                throw new IOException($"Shared memory for a worker cannot be sealed (error {Marshal.GetLastPInvokeError()}).");
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
    public long Stride => (SlotBytes + 4095L) & ~4095L;

    /// <summary>The descriptor, to be sent to the worker.</summary>
    public SafeFileHandle File => _file;

    /// <summary>One picture. Its bytes may change at any time, since the worker can write to them.</summary>
    public unsafe Span<byte> this[int slot]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfNegative(slot);
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(slot, Slots);
            return new Span<byte>(_begin + slot * Stride, SlotBytes);
        }
    }

    public void Dispose()
    {
        if (!_view.SafeMemoryMappedViewHandle.IsClosed)
            _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _map.Dispose();
        _file.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Create(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(int descriptor, int command, int argument);
}
