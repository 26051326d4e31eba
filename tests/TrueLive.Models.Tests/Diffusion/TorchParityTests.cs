using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;

namespace TrueLive.Models.Tests.Diffusion;

/// <summary>The whole step against PyTorch with the same weights and noise.</summary>
public sealed class TorchParityTests
{
    private const int Side = 64;

    // The interpreter that Debian's python3-torch belongs to; another may come first in the PATH.
    private const string Python = "/usr/bin/python3";

    private readonly FramePool _pool = new("torch parity", 4);

    /// <summary>Uses the fixture that training/tiny_diffusion.py made together with the weights.</summary>
    [Fact]
    public void Twelve_frames_are_what_PyTorch_makes_of_them_with_every_guidance_and_number_of_steps() =>
        Compare(TinyDiffusion.Shipped, Path.Combine(Repository.Root, "tests", "TrueLive.Models.Tests", "tiny-diffusion.parity.bin"));

    /// <summary>Needs the packages of <c>TRUELIVE_TEST_PACKAGES=python3-torch ./test full</c>.</summary>
    [Fact]
    [Trait("Run", "full")]
    public async Task A_pipeline_that_PyTorch_makes_now_with_other_weights_gives_the_same_pictures_here()
    {
        if (!File.Exists(Python) || await RunAsync("-c", "import torch") != 0)
            Assert.Skip("There is no torch: set TRUELIVE_TEST_PACKAGES=python3-torch.");
        using var place = new TinyDiffusion();
        var fixture = place.Of("parity.bin");
        // One second of training is enough: the weights only have to differ, not to draw well.
        Assert.Equal(0, await RunAsync(Path.Combine(Repository.Root, "training", "tiny_diffusion.py"), place.Path, fixture, "1"));
        Assert.NotEqual(
            await File.ReadAllBytesAsync(Path.Combine(TinyDiffusion.Shipped, "unet", "model.onnx"), TestContext.Current.CancellationToken),
            await File.ReadAllBytesAsync(place.Of("unet/model.onnx"), TestContext.Current.CancellationToken));
        Compare(place.Path, fixture);
    }

    private void Compare(string original, string fixture)
    {
        var wanted = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(fixture)).ToArray();
        var (at, worst) = (0, 0.0);
        foreach (var guidance in new[] { "none", "self", "initialize", "full" })
        {
            foreach (var steps in new[] { "[40]", "[35, 45]", "[20, 35, 45]" })
            {
                var scale = guidance == "none" ? "1" : "1.3";
                using var folder =
                    new TinyDiffusion($$"""{ "steps": {{steps}}, "guidance": "{{guidance}}", "guidance_scale": {{scale}}, "delta": 0.7 }""",
                    from: original);
                using var model = folder.Load();
                using var session = (FolderModelSession)model.CreateSession(Side, Side);
                var prompt = TinyDiffusion.Prompt(model, "neon ink");
                for (var t = 0; t < 12; t++)
                {
                    using var input = TestPicture.Make(_pool, t, Side, Side);
                    session.Step(input, prompt).Dispose();
                    var picture = session.Result.Floats[..session.Result.Count].ToArray().Select(v => (v + 1) / 2.0).ToArray();
                    Number(picture.Average());
                    for (var i = 0; i < 31; i++)
                        Number(picture[i * (picture.Length / 31) + 123]);
                }
            }
        }
        Assert.Equal(wanted.Length, at);
        TestContext.Current.TestOutputHelper?.WriteLine(worst.ToString("0.0e0", CultureInfo.InvariantCulture));
        Assert.InRange(worst, 0, 1e-5);

        void Number(double found) => worst = Math.Max(worst, Math.Abs(found - wanted[at++]));
    }

    private static async Task<int> RunAsync(params string[] arguments)
    {
        using var python = Process.Start(new ProcessStartInfo(Python, arguments)
        { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var said = Task.WhenAll(python.StandardOutput.ReadToEndAsync(), python.StandardError.ReadToEndAsync());
        await python.WaitForExitAsync(TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine(string.Join('\n', await said));
        return python.ExitCode;
    }
}
