using System.CommandLine;
using TrueLive.Cli.Doctor;

namespace TrueLive.Cli;

/// <summary><c>truelive doctor</c>: checks this machine and these settings, and says how to fix what is wrong.</summary>
internal static class DoctorCommand
{
    private const string About = """
        Look at everything that a server needs, with the settings of 'serve': what is right, and how to mend the rest. Takes some seconds.
        Exit code 0 when nothing is wrong, 1 when something is.
        """;

    public static Command Make()
    {
        var doctor = new Command("doctor", About) { ModelsCommand.Json };
        var settings = ServeCommand.AddSettings(doctor);
        doctor.SetAction(async (parsed, cancel) =>
        {
            var (file, flags) = settings(parsed);
            var json = parsed.GetValue(ModelsCommand.Json);
            var findings = new List<Finding>();
            await foreach (var finding in Examination.RunAsync(file, Environment.GetEnvironmentVariables(), flags, TimeProvider.System,
                cancel).ConfigureAwait(false))
            {
                findings.Add(finding);
                if (!json)
                    Show(finding);
            }
            var wrong = findings.Count(f => f.State == FindingState.Wrong);
            if (json)
                ModelsCommand.Print(new { Ok = wrong == 0, Findings = findings });
            else
                Console.WriteLine(wrong == 0 ? "Nothing is wrong." : $"{wrong} to mend.");
            return wrong == 0 ? 0 : 1;
        });
        return doctor;
    }

    private static void Show(Finding finding)
    {
        var state = finding.State switch { FindingState.Right => "right", FindingState.Note => "note", _ => "WRONG" };
        Console.WriteLine($"{state,-5}  {finding.Part,-8}  {finding.Says}");
        if (finding.Mend is { } mend)
            Console.WriteLine($"{"",-17}mend: {mend}");
    }
}
