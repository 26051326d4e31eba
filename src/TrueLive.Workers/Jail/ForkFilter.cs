using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace TrueLive.Workers.Jail;

/// <summary>
/// The system calls that a worker is denied, as a seccomp filter (classic BPF): those that create processes, since limits apply per
/// process, and those that no model needs and that are used to attack kernels. Threads are allowed.
/// </summary>
internal static class ForkFilter
{
    /// <summary>Name of the file that holds the filter.</summary>
    public const string FileName = "filter";

    private const uint Allow = 0x7fff0000;
    private const uint NotPermitted = 0x00050000 | 1;
    private const uint NotImplemented = 0x00050000 | 38;
    private const uint KillProcess = 0x80000000;
    private const uint CloneThread = 0x10000;

    // clone3 takes its flags in memory, which a filter cannot read: if it reports ENOSYS, the C library falls back to clone.
    private static readonly (uint Machine, uint Clone, uint Clone3, uint[] Refused)? Calls = RuntimeInformation.ProcessArchitecture switch
    {
        // `fork vfork ptrace add_key request_key keyctl unshare setns bpf perf_event_open userfaultfd process_vm_* io_uring_*`
        Architecture.X64 => (0xc000003e, 56, 435, [57, 58, 101, 248, 249, 250, 272, 308, 321, 298, 323, 310, 311, 425, 426, 427]),
        Architecture.Arm64 => (0xc00000b7, 220, 435, [117, 217, 218, 219, 97, 268, 280, 241, 282, 270, 271, 425, 426, 427]),
        _ => null,
    };

    /// <summary>The filter program; on an unknown processor architecture, one that allows everything.</summary>
    public static byte[] Bytes()
    {
        List<(ushort Code, byte IfTrue, byte IfFalse, uint Value)> steps = [];
        if (Calls is var (machine, clone, clone3, refused))
        {
            steps.AddRange([(0x20, 0, 0, 4), (0x15, 1, 0, machine), (0x06, 0, 0, KillProcess), (0x20, 0, 0, 0)]);
            // The x32 call numbers that a 64-bit kernel also accepts would bypass the list.
            steps.AddRange([(0x35, 0, 1, 0x40000000), (0x06, 0, 0, NotPermitted)]);
            steps.AddRange([(0x15, 0, 1, clone3), (0x06, 0, 0, NotImplemented)]);
            foreach (var call in refused)
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
}
