using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using TrueLive.Media.Native;
using TrueLive.Models.Devices;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>Checks the machine: codec libraries, memory, clock, GPU.</summary>
internal static class MachineChecks
{
    private const long LittleMemory = 1L << 30;

    public static IEnumerable<Finding> Codecs() => NativeLibraries.Look().Select(library => library.File is { } file
        ? Finding.Right("codecs", $"{file}{Version(file)}, for {library.For}")
        : Finding.Wrong("codecs", $"no library for {library.For} loads here.", library.Missing));

    public static Finding Memory()
    {
        var memory = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var says = $"{Environment.ProcessorCount} core(s), {memory >> 20} MB of memory";
        if (memory < LittleMemory)
            return Finding.Note("machine", says,
                "One live session and a clip beside it want 1 GB. Take away other work, or raise the limit of the container.");
        return Avx2.IsSupported || RuntimeInformation.ProcessArchitecture != Architecture.X64
            ? Finding.Right("machine", says)
            : Finding.Note("machine", says + ", no AVX2",
                "The model runs in ONNX Runtime, at about half the speed. A virtual machine can often be given its host's own " +
                "processor model.");
    }

    /// <summary>A clock older than the installed files makes certificates, signed links and probe times wrong.</summary>
    public static Finding Clock(TimeProvider time)
    {
        const string Mend = "Set it: timedatectl set-ntp true (or date -s). Certificates and signed links are judged by it.";
        var now = time.GetUtcNow();
        var installed = new DateTimeOffset(File.GetLastWriteTimeUtc(typeof(MachineChecks).Assembly.Location), TimeSpan.Zero);
        if (now < installed.AddDays(-1))
            return Finding.Wrong("clock", $"it is {now:u}, before this program was installed ({installed:u}).", Mend);
        if (time.TimestampFrequency < 1_000_000)
            return Finding.Note("clock", $"{now:u}, but it only tells steps of {1e6 / time.TimestampFrequency:0} microseconds.",
                "Delays are measured no finer. Boot with clocksource=tsc where the machine has one.");
        return Finding.Right("clock", $"{now:u}");
    }

    public static Finding Gpu(ServerOptions options)
    {
        try
        {
            var note = GraphDevice.Choose(options.Device, options.DataPath, options.CudaGraphs);
            var runtime = $"ONNX Runtime {OnnxRuntimeInfo.Version} ({string.Join(", ", OnnxRuntimeInfo.Providers)})";
            return note is not null
                ? Finding.Note("gpu", $"{runtime}. {note}", "Nothing to mend where the processor is enough: the capacity below is its own.")
                : options.CudaGraphs && GraphDevice.Current.Gpu is not null
                ? Finding.Note("gpu", $"{runtime}; models run on {GraphDevice.Current}, with CUDA graphs.", "cuda_graphs was never tried on a GPU " +
                    "by its makers: look at the pictures, and see with models check whether a model uses them.")
                : Finding.Right("gpu", GraphDevice.Current.Gpu is null ? $"{runtime}; no GPU is needed"
                    : $"{runtime}; models run on {GraphDevice.Current}");
        }
        catch (ModelException wrong)
        {
            return Finding.Wrong("gpu", wrong.Message, "Install what is named, or set device to auto or cpu.");
        }
    }

    // The link target has the full version in its name, such as libvpx.so.7.1.0; empty if it does not.
    private static string Version(string name)
    {
        var stem = name[..(name.IndexOf(".so.", StringComparison.Ordinal) + 4)];
        try
        {
            var mapped = File.ReadLines("/proc/self/maps").Select(line => Path.GetFileName(line[(line.LastIndexOf(' ') + 1)..]))
                .FirstOrDefault(file => file.StartsWith(stem, StringComparison.Ordinal));
            return mapped is null ? "" : " " + mapped[stem.Length..];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
