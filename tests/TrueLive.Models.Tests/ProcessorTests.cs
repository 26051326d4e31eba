using System.Diagnostics;
using System.Runtime.Intrinsics;
using TrueLive.Models.Convolutions;

namespace TrueLive.Models.Tests;

/// <summary>The same tests with some vector instructions of this processor disabled.</summary>
public sealed class ProcessorTests
{
    private const string No512 = "DOTNET_EnableAVX512";
    private const string No256 = "DOTNET_EnableAVX2";

    private static bool Lacks(string vectors) => Environment.GetEnvironmentVariable(vectors) == "0";

    /// <summary>
    /// Checks in the process that <see cref="The_network_gives_the_same_pictures_on_a_processor_with_less"/> starts that they are disabled.
    /// </summary>
    [Fact]
    public void What_is_turned_off_is_off()
    {
        Assert.False(Lacks(No512) && Vector512.IsHardwareAccelerated);
        Assert.False(Lacks(No256) && Microkernel.IsSupported);
    }

    // Without 512-bit vectors the kernels use 256 bits; without those or fused multiply-add the runtime computes the convolutions.
    [Theory]
    [InlineData(No512)]
    [InlineData(No256)]
    [Trait("Run", "full")]
    public async Task The_network_gives_the_same_pictures_on_a_processor_with_less(string missing)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, Environment = { [missing] = "0" } };
        foreach (var word in new[] { typeof(ProcessorTests).Assembly.Location, "--filter-method", "*What_is_turned_off*", "--filter-method",
            "*FusedTests.*", "--filter-method", "*ParityTests.*", "--filter-method", "*ConvSessionTests.*", "--progress", "off" })
            start.ArgumentList.Add(word);
        using var tests = Process.Start(start)!;
        var said = await tests.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tests.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(tests.ExitCode == 0, said);
        Assert.Contains("failed: 0", said, StringComparison.Ordinal);
    }
}
