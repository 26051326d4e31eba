using System.CommandLine;
using TrueLive.Bench;
using TrueLive.Bench.Streams;
using TrueLive.Cli;

// Started by the scripts in bench/live, bench/clips, bench/models, bench/soak, bench/beside, bench/hostile, bench/workers,
// bench/decoders, bench/diffusion, bench/streams and bench/picture, and by eng/gpu-check.
if (args is ["-h" or "--help", ..] or [not ("clips" or "models"), "-h" or "--help"])
{
    Console.WriteLine("""
        bench/live/run   [--seconds 6] [--rounds 3] [--only TEXT] [--browser-only] [--write]    our server alone, then ours, aiortc and GStreamer in turn, about 9 minutes
        bench/clips/run  [--help] [--seconds 20] [--rounds 5] [--write]        file to file, beside a plain ffmpeg and ONNX Runtime pipeline
        bench/models/run [--candy FILE] [-n 60] [--write]                      a step of the shipped model, and of candy beside it
        bench/soak/run   [--minutes 30] [--sessions 2] [--model live-tiny] [--size 512x288] [--write]
        bench/beside/run [--rounds 4] [--seconds 15] [--write]                 a live session with a clip in the queue, and without
        bench/hostile/run [--rounds 4] [--seconds 10] [--write]                a live session beside a hostile client, and without
        bench/workers/run [--steps 1000] [--rate 30] [--write]                 what a step in a child process costs
        bench/decoders/run [--pictures 600] [--rate 30] [--write]              what decoding in a process of its own costs
        bench/diffusion/run [--steps 200] [--write]                            a step of the small test pipeline, one way and the other
        bench/streams/run [--seconds 60] [--only WORD] [--write]               SRT, RTSP, RTMP and HLS through us, beside plain relays
        bench/gpu: eng/gpu-check                                               a pipeline of SD-Turbo's shapes on a GPU, beside PyTorch
        bench/picture/run [OUT]                                                films the page for README
        --write puts the figures into bench/results. All want a quiet machine.
        """);
    return 0;
}
var arguments = new Arguments(args);
try
{
    return args.FirstOrDefault() switch
    {
        "clips" or "models" =>
            await new RootCommand { ClipsBench.Make(), BenchModelsCommand.Make(ResizedModel.LoadCandy) }.Parse(args).InvokeAsync(),
        "live" => await LiveBench.RunAsync(arguments),
        "soak" => await SoakBench.RunAsync(arguments),
        "beside" => await BesideBench.RunAsync(arguments),
        "hostile" => await HostileBench.RunAsync(arguments),
        "hostile-client" => await HostileClient.RunAsync(arguments),
        "workers" => await WorkersBench.RunAsync(arguments),
        "decoders" => await DecodersBench.RunAsync(arguments),
        "diffusion" => await DiffusionBench.RunAsync(arguments),
        "streams" => await StreamsBench.RunAsync(arguments),
        "gpu" => await GpuBench.RunAsync(arguments),
        "picture" => await PagePicture.RunAsync(arguments),
        _ =>
            throw new ArgumentException("Say 'live', 'clips', 'models', 'soak', 'beside', 'hostile', 'workers', 'decoders', 'diffusion', " +
                "'streams', 'gpu' or 'picture'."),
    };
}
catch (ArgumentException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}
