using TrueLive.Bench;

// Started by the scripts in bench/live, bench/soak, bench/beside, bench/hostile, bench/workers and bench/picture.
if (args.Any(a => a is "-h" or "--help"))
{
    Console.WriteLine("""
        bench/live/run   [--seconds 6] [--rounds 3] [--only TEXT] [--browser-only] [--write]    our server alone, then ours, aiortc and GStreamer in turn, about 9 minutes
        bench/soak/run   [--minutes 30] [--sessions 2] [--model live-tiny] [--size 512x288] [--write]
        bench/beside/run [--rounds 4] [--seconds 15] [--write]                 a live session with a clip in the queue, and without
        bench/hostile/run [--rounds 4] [--seconds 10] [--write]                a live session beside a hostile client, and without
        bench/workers/run [--steps 1000] [--rate 30] [--write]                 what a step in a child process costs
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
        "live" => await LiveBench.RunAsync(arguments),
        "soak" => await SoakBench.RunAsync(arguments),
        "beside" => await BesideBench.RunAsync(arguments),
        "hostile" => await HostileBench.RunAsync(arguments),
        "hostile-client" => await HostileClient.RunAsync(arguments),
        "workers" => await WorkersBench.RunAsync(arguments),
        "picture" => await PagePicture.RunAsync(arguments),
        _ => throw new ArgumentException("Say 'live', 'soak', 'beside', 'hostile', 'workers' or 'picture'."),
    };
}
catch (ArgumentException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}
