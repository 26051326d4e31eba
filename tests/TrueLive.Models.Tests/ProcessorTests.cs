using System.Diagnostics;

namespace TrueLive.Models.Tests;

/// <summary>The same tests as if this processor had fewer kinds of vectors.</summary>
public sealed class ProcessorTests
{
    // Without 512 bits the kernels use 256; without 256 and its multiply-add the convolutions are the runtime's.
    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableAVX2")]
    public async Task The_network_gives_the_same_pictures_on_a_processor_with_less(string missing)
    {
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, Environment = { [missing] = "0" } };
        foreach (var word in new[] { typeof(ProcessorTests).Assembly.Location, "--filter-class", "*FusedTests", "--filter-class", "*ParityTests", "--filter-class", "*ConvSessionTests", "--progress", "off" })
            start.ArgumentList.Add(word);
        using var tests = Process.Start(start)!;
        var said = await tests.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await tests.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(tests.ExitCode == 0, said);
        Assert.Contains("failed: 0", said, StringComparison.Ordinal);
    }
}
