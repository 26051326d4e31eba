using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace TrueLive.Core.Processes;

/// <summary>
/// The system calls that a child which is not trusted is denied, as a seccomp filter (classic BPF): those that create processes, since
/// limits apply per process, and those that are used to attack kernels and that no model or decoder needs. Threads are allowed.
/// </summary>
public static partial class CallFilter
{
    private const uint Allow = 0x7fff0000;
    private const uint NotPermitted = 0x00050000 | 1;
    private const uint NotImplemented = 0x00050000 | 38;
    private const uint KillProcess = 0x80000000;
    private const uint CloneThread = 0x10000;

    // clone3 takes its flags in memory, which a filter cannot read: if it reports ENOSYS, the C library falls back to clone.
    private static readonly (uint Machine, uint Clone, uint Clone3, uint[] Refused, uint[] NoSockets)? Calls =
        RuntimeInformation.ProcessArchitecture switch
        {
            // `fork vfork ptrace add_key request_key keyctl unshare setns bpf perf_event_open userfaultfd process_vm_* io_uring_*`;
            // `socket socketpair setsid setpgid memfd_create shmget`
            Architecture.X64 =>
                (0xc000003e, 56, 435, [57, 58, 101, 248, 249, 250, 272, 308, 321, 298, 323, 310, 311, 425, 426, 427],
                    [41, 53, 112, 109, 319, 29]),
            Architecture.Arm64 =>
                (0xc00000b7, 220, 435, [117, 217, 218, 219, 97, 268, 280, 241, 282, 270, 271, 425, 426, 427],
                    [198, 199, 157, 154, 279, 194]),
            _ => null,
        };

    // Where memory or handles are short, the next child tries again.
    private static readonly Lazy<SafeFileHandle> WithSockets = new(() => File(sockets: true), LazyThreadSafetyMode.PublicationOnly);
    private static readonly Lazy<SafeFileHandle> WithoutSockets = new(() => File(sockets: false), LazyThreadSafetyMode.PublicationOnly);

    /// <summary>
    /// A file that holds the filter, for a command that opens it before it enters the sandbox; it is there as long as this process is.
    /// </summary>
    /// <param name="sockets">
    /// Whether the child may make sockets, leave its process group, and make memory that outlives what is mapped of it.
    /// </param>
    /// <exception cref="IOException">The system cannot provide the memory.</exception>
    public static string PathOf(bool sockets) => AnonymousFile.PathOf((sockets ? WithSockets : WithoutSockets).Value);

    /// <summary>
    /// Applies the filter to the calling thread and what it becomes, for good; it must have given up new privileges before.
    /// </summary>
    /// <exception cref="Win32Exception">The kernel refuses.</exception>
    internal static unsafe void Enter(bool sockets)
    {
        const int SetSeccomp = 22;
        const int Filter = 2;
        var bytes = Bytes(sockets);
        fixed (byte* steps = bytes)
        {
            var program = new Program { Steps = (ushort)(bytes.Length / 8), First = steps };
            if (Control(SetSeccomp, Filter, (nint)(&program), 0, 0) != 0)
                throw new Win32Exception(Marshal.GetLastPInvokeError(), $"seccomp: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    // On an unknown processor architecture, one that allows everything.
    private static byte[] Bytes(bool sockets)
    {
        List<(ushort Code, byte IfTrue, byte IfFalse, uint Value)> steps = [];
        if (Calls is var (machine, clone, clone3, refused, socketCalls))
        {
            steps.AddRange([(0x20, 0, 0, 4), (0x15, 1, 0, machine), (0x06, 0, 0, KillProcess), (0x20, 0, 0, 0)]);
            // The x32 call numbers that a 64-bit kernel also accepts would bypass the list.
            steps.AddRange([(0x35, 0, 1, 0x40000000), (0x06, 0, 0, NotPermitted)]);
            steps.AddRange([(0x15, 0, 1, clone3), (0x06, 0, 0, NotImplemented)]);
            foreach (var call in sockets ? refused : [.. refused, .. socketCalls])
                steps.AddRange([(0x15, 0, 1, call), (0x06, 0, 0, NotPermitted)]);
            steps.AddRange([(0x15, 0, 3, clone), (0x20, 0, 0, 16), (0x45, 1, 0, CloneThread), (0x06, 0, 0, NotPermitted)]);
        }
        steps.Add((0x06, 0, 0, Allow));
        var bytes = new byte[8 * steps.Count];
        for (var i = 0; i < steps.Count; i++)
        {
            var (code, yes, no, value) = steps[i];
            BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(8 * i), code);
            (bytes[8 * i + 2], bytes[8 * i + 3]) = (yes, no);
            BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(8 * i + 4), value);
        }
        return bytes;
    }

    private static SafeFileHandle File(bool sockets)
    {
        var bytes = Bytes(sockets);
        return AnonymousFile.Make("truelive-filter", bytes.Length, bytes);
    }

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    private static partial int Control(int option, nint first, nint second, nint third, nint fourth);

    // As prctl(2) takes it.
    [StructLayout(LayoutKind.Sequential)]
    private unsafe struct Program
    {
        public ushort Steps;
        public byte* First;
    }
}
