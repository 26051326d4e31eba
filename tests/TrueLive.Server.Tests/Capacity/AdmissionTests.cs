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
            model, 512, 288, [.. Enumerable.Repeat(Settings(OnGpu), onGpu), .. Enumerable.Repeat(Settings(OnProcessor), onProcessor)],
            TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void Time_on_a_GPU_scales_with_the_pixels_of_the_nearest_size()
    {
        var admission = new Admission(cores: 8, targetRate: 30, maxSessions: 0);
        admission.Learn(new FrameCost(OnGpu.Info.Id, 512, 512, StepMs: 10, CpuMs: 1, Frames: 30) { Device = "cuda:0" });
        Assert.Equal((3, 12), (admission.Capacity(OnGpu, 512, 512), admission.Capacity(OnGpu, 256, 256)));
    }

    [Fact]
    public void Memory_of_a_GPU_is_shared_out_by_what_a_session_was_measured_to_take()
    {
        var room = 10_000L << 20;
        var admission = new Admission(cores: 64, targetRate: 30, maxSessions: 0) { RoomOn = device => device == "cuda:1" ? room : null };
        // In time, 30 would fit; in memory, three of 3,000 MB.
        admission.Learn(new FrameCost(OnGpu.Info.Id, 512, 288, StepMs: 1, CpuMs: 1, Frames: 30)
        {
            Device = "cuda:1",
            DeviceBytes = 3_000L << 20,
        });
        admission.Learn(new FrameCost(OnProcessor.Info.Id, 512, 288, StepMs: 1, CpuMs: 1, Frames: 30));
        Assert.Equal((3, 13), (admission.Capacity(OnGpu, 512, 288), admission.Capacity(OnGpu, 256, 144)));

        Assert.Null(Refuse(OnGpu, 2));
        var full = Refuse(OnGpu, 3)!;
        Assert.Equal((3, 3), (full.Capacity, full.Running));
        Assert.Contains("at 512x288 needs 3000 MB of the memory of cuda:1, and 9000 of the 10000 MB for sessions are in use there.",
            full.Words, StringComparison.Ordinal);
        // A smaller one still fits, and so does one that needs none of it.
        Assert.Null(Refuse(OnGpu, 3, 256, 144));
        Assert.Null(Refuse(OnProcessor, 3));
        // Another model was loaded, and its weights lie there.
        room = 5_000L << 20;
        Assert.NotNull(Refuse(OnGpu, 1));
        // The first is always tried.
        room = 1_000L << 20;
        Assert.Equal((1, null), (admission.Capacity(OnGpu, 512, 288), Refuse(OnGpu, 0)));

        Refusal? Refuse(IVideoModel model, int onGpu, int width = 512, int height = 288) => admission.Refuse(
            model, width, height, [.. Enumerable.Repeat(Settings(OnGpu), onGpu)], TimeSpan.FromSeconds(5));
    }

    [Fact]
    public void A_size_whose_memory_was_not_seen_is_taken_to_need_it_by_its_pixels()
    {
        var admission = new Admission(cores: 64, targetRate: 30, maxSessions: 0) { RoomOn = _ => 8_000L << 20 };
        admission.Learn(new FrameCost(OnGpu.Info.Id, 512, 512, StepMs: 1, CpuMs: 1, Frames: 30)
        {
            Device = "cuda:0",
            DeviceBytes = 2_000L << 20,
        });
        // Measured after the larger one, whose memory the runtime had kept: it showed none of its own.
        admission.Learn(new FrameCost(OnGpu.Info.Id, 512, 256, StepMs: 1, CpuMs: 1, Frames: 30) { Device = "cuda:0" });
        Assert.Equal((4, 8), (admission.Capacity(OnGpu, 512, 512), admission.Capacity(OnGpu, 512, 256)));
    }

    private static SessionSettings Settings(IVideoModel model) => new(model, 512, 288, Prompt.None, 0, 0, false);
}
