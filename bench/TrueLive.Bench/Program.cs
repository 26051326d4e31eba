using TrueLive.Bench;

// Started by bench/live/run and bench/soak/run.
if (args.Any(a => a is "-h" or "--help"))
{
    Console.WriteLine("""
        bench/live/run   [--seconds 6] [--rounds 3] [--only TEXT] [--write]    ours, aiortc and GStreamer in turn, about 8 minutes
        bench/soak/run   [--minutes 30] [--sessions 2] [--model live-tiny] [--size 512x288] [--write]
        --write puts the figures into bench/results. Both want a quiet machine.
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
        _ => throw new ArgumentException("Say 'live' or 'soak'."),
    };
}
catch (ArgumentException error)
{
    Console.Error.WriteLine(error.Message);
    return 2;
}
