using System.CommandLine;

namespace TrueLive.Cli;

/// <summary><c>truelive probe</c>: measures a live AI video system from outside.</summary>
internal static class ProbeCommand
{
    private const string Examples = """
        Measure any live AI video system from outside: does it answer your live input, how late, how steadily, or is it clips?

        Examples:
          truelive probe null                                    the probe's own echo: measures the instrument
          truelive probe truelive http://localhost:8080          a TrueLive server
          truelive probe whip https://host/whip --bearer-env KEY  any WHIP endpoint that sends video back
          truelive probe stream --send rtmp://host/in/KEY --receive rtmp://host/out/KEY   RTMP, SRT or RTSP in, the same or HLS out
          truelive probe page samples/probe/whip.js --var url=https://host/whip   any system that a browser can reach
          truelive probe clips samples/probe/queue-service.yaml  a service that makes clips on request
          truelive probe record in.mp4 out.mp4                   two recordings on one clock
          truelive probe verify out/report.json                  recompute a report
          truelive probe compare a/report.json b/report.json     several reports on one page
          truelive probe watch whip https://host/whip --every 10m --require video-call-filter   again and again, with a history
        """;

    public static Command Make()
    {
        var probe = new Command("probe", Examples)
        {
            ProbeWatchCommand.Watch(),
            ProbeWatchCommand.History(),
            ProbeRecordCommand.Make(),
            ProbeReportCommands.Verify(),
            ProbeReportCommands.Compare(),
            ProbeReportCommands.Schema(),
            ProbeSelftestCommand.Make(),
            ProbeSimulateCommand.Make(),
        };
        foreach (var kind in ProbeTargetCommands.All(ProbeTargetCommands.Once(new ProbeOptions())).Reverse())
            probe.Subcommands.Insert(0, kind);
        return probe;
    }
}
