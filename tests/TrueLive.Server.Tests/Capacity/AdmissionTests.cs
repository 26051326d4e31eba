using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Core.Sessions;
using TrueLive.Server.Capacity;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Tests.Capacity;

/// <summary>How many sessions a machine holds by given figures, where some models run on a GPU.</summary>
public sealed class AdmissionTests
{
    private static readonly HoldingModel OnGpu = new HoldingModel(new FramePool("admission"), new Chunk(4, 4, 0));
    private static readonly PassthroughModel OnProcessor = new PassthroughModel();

    [Fact]
    public void Time_on_a_GPU_counts_for_those_that_use_it_and_processor_time_for_all()
    {
        var admission = new Admission(cores: 8, targetRate: 30, maxSessions: 0);
        // 10 ms of 33 on the GPU beside 4 ms of one of eight cores: three on the GPU, though the processors would hold more.
        admission.Learn(new FrameCost(OnGpu.Info.Id, 512, 288, StepMs: 10, CpuMs: 4, Frames: 30) { Device = "cuda:0" });
        admission.Learn(new FrameCost(OnProcessor.Info.Id, 512, 288, StepMs: 1, CpuMs: 40, Frames: 30));
        Assert.Equal(3, admission.Capacity(OnGpu, 512, 288));
        Assert.Equal(6, admission.Capacity(OnProcessor, 512, 288));

        Assert.Null(Refuse(OnGpu, 2));
        var full = Refuse(OnGpu, 3);
        Assert.Contains("cuda:0", full!.Words, StringComparison.Ordinal);
        Assert.Equal((3, 3), (full.Capacity, full.Running));
        // A full GPU does not keep those away that run on the processor, until that is full, too.
        Assert.Null(Refuse(OnProcessor, 3));
        Assert.DoesNotContain("cuda:0", Refuse(OnProcessor, 3, 5)!.Words, StringComparison.Ordinal);

        Refusal? Refuse(IVideoModel model, int onGpu, int onProcessor = 0) => admission.Refuse(
            model, 512, 288, [.. Enumerable.Repeat(Settings(OnGpu), onGpu), .. Enumerable.Repeat(Settings(OnProcessor), onProcessor)], TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Time_on_a_GPU_scales_with_the_pixels_of_the_nearest_size()
    {
        var admission = new Admission(cores: 8, targetRate: 30, maxSessions: 0);
        admission.Learn(new FrameCost(OnGpu.Info.Id, 512, 512, StepMs: 10, CpuMs: 1, Frames: 30) { Device = "cuda:0" });
        Assert.Equal((3, 12), (admission.Capacity(OnGpu, 512, 512), admission.Capacity(OnGpu, 256, 256)));
    }

    private static SessionSettings Settings(IVideoModel model) => new(model, 512, 288, Prompt.None, 0, 0, false);
}
