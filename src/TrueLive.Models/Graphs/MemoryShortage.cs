using System.Globalization;
using System.Text.RegularExpressions;
using TrueLive.Models.Devices;

namespace TrueLive.Models.Graphs;

/// <summary>
/// Tells from the text of ONNX Runtime whether a call failed because memory is used up: there is no error code for it, not even for its own
/// arenas.
/// </summary>
internal static partial class MemoryShortage
{
    // As the arena, its limit, CUDA, cuBLAS, cuDNN up to 8, cuDNN 9, and the standard library of C++ put it.
    private static readonly string[] Texts =
    [
        "Failed to allocate memory", "Available memory of", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
        "DEVICE_ALLOCATION_FAILED", "std::bad_alloc",
    ];

    /// <summary>Whether a message of the runtime says so.</summary>
    public static bool IsIn(string message) => Texts.Any(text => message.Contains(text, StringComparison.OrdinalIgnoreCase));

    /// <summary>What to tell people of such a message: how much was asked for, where it says so, and what helps.</summary>
    public static string Words(string message, ComputeDevice device)
    {
        var asked = Request().Match(message) is { Success: true } found
            && long.TryParse(found.ValueSpan[found.ValueSpan.LastIndexOf(' ')..], NumberStyles.AllowLeadingWhite,
                CultureInfo.InvariantCulture, out var bytes)
            ? $" ({Math.Max(1, bytes >> 20)} MB more were asked for)"
            : "";
        return $"the memory of {device} is used up{asked}. Choose a smaller size or model, or end other sessions";
    }

    [GeneratedRegex("(requested buffer of size|requested bytes of) [0-9]{1,18}", RegexOptions.CultureInvariant)]
    private static partial Regex Request();
}
