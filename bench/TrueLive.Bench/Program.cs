using TrueLive.Bench;

// Started by bench/live/run and bench/soak/run.
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
