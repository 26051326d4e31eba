using System.Diagnostics;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Catalogue;

namespace TrueLive.Models.Tests;

/// <summary>The embedded model as a worker in PyTorch (worker/examples/live_tiny_torch) beside the same model in ONNX Runtime.</summary>
public sealed class TorchWorkerTests
{
    private const int Width = 256;
    private const int Height = 192;

    private static readonly string[] Looks = ["ink", "watercolour", "neon"];

    private readonly FramePool _pool = new("torch worker", 4);

    [Fact]
    [Trait("Run", "full")]
    public void The_embedded_model_in_PyTorch_makes_the_same_pictures_and_goes_on_from_its_captured_memory()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/bwrap"), "bubblewrap is not installed.");
        Assert.SkipUnless(HasTorch(), "There is no torch: set TRUELIVE_TEST_PACKAGES=python3-torch.");
        var folder = Directory.CreateTempSubdirectory("truelive-torch-worker");
        try
        {
            foreach (var file in new[]
            {
                "worker/examples/live_tiny_torch/manifest.json", "worker/examples/live_tiny_torch/model.py", "training/network.py",
                "training/motion.py", "training/live-tiny.pt",
            })
                File.Copy(Path.Combine(Repository.Root, file), Path.Combine(folder.FullName, Path.GetFileName(file)));
            File.Copy(Path.Combine(Repository.LiveTiny, "manifest.json"), Path.Combine(folder.FullName, "looks.json"));
            using var torch = ModelLoader.Load(folder.FullName, 1, TimeProvider.System);
            using var onnx = ModelLoader.Load(Repository.LiveTiny, 1, TimeProvider.System);
            var worst = Compare(torch, onnx);
            TestContext.Current.TestOutputHelper?.WriteLine($"mean difference of a picture at most {worst:0.00} of 255");
            Assert.InRange(worst, 0, 1);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private double Compare(FolderModel torch, FolderModel onnx)
    {
        using var mine = torch.CreateSession(Width, Height);
        using var theirs = onnx.CreateSession(Width, Height);
        using var resumed = torch.CreateSession(Width, Height);
        var worst = 0.0;
        for (var t = 0; t < 5 * Looks.Length; t++)
        {
            // Shots in which nothing moves, each with a look of its own: the search for motion is the host's there and the example's here.
            var (shot, look) = (t / 5, Looks[t / 5]);
            using var input = TestPicture.Make(_pool, 50 * shot, Width, Height);
            using var made = Step(mine, input, new Prompt(shot, look, 1, TimeSpan.Zero, PromptReading.Empty));
            using var wanted = Step(theirs, input, new Prompt(shot, look, 1, TimeSpan.Zero, onnx.Read(look)));
            worst = Math.Max(worst, Difference(made, wanted));
            if (t == 12)
                resumed.Restore(mine.Capture());
            if (t <= 12)
                continue;
            using var again = Step(resumed, input, new Prompt(shot, look, 1, TimeSpan.Zero, PromptReading.Empty));
            Assert.Equal(made.Y.ToArray(), again.Y.ToArray());
        }
        return worst;
    }

    private static VideoFrame Step(IModelSession session, VideoFrame input, Prompt prompt)
    {
        var made = new MadeFrame[1];
        Assert.Equal(1, session.Step(input, prompt, made));
        Assert.Equal(FrameOrigin.Generated, made[0].Ticket.Origin);
        return made[0].Frame;
    }

    private static double Difference(VideoFrame a, VideoFrame b)
    {
        long sum = 0;
        for (var y = 0; y < Height; y++)
        {
            for (var x = 0; x < Width; x++)
                sum += Math.Abs(a.Y[(y * a.StrideY) + x] - b.Y[(y * b.StrideY) + x]);
        }
        return (double)sum / (Width * Height);
    }

    private static bool HasTorch()
    {
        using var python = Process.Start(new ProcessStartInfo("/usr/bin/python3", ["-c", "import torch"])
        {
            RedirectStandardError = true,
        });
        python?.WaitForExit();
        return python?.ExitCode == 0;
    }
}
