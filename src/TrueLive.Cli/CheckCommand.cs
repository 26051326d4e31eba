using System.CommandLine;
using TrueLive.Probe.Requirements;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive check</c>: checks the configuration without starting anything, or a report against a requirement.</summary>
internal static class CheckCommand
{
    public static Command Make()
    {
        var config = new Option<string?>("--config")
        { Description = "YAML file with settings (default: truelive.yaml here, if there is one)." };
        var files = new Argument<string[]>("requirement-and-report")
        {
            Description = $"A requirement (YAML file, or preset: {string.Join(", ", RequirementPresets.Names)}) and a report.json of the " +
                "probe. Exit code 0: PASS, 1: FAIL, 2: INCONCLUSIVE, 3: cannot be checked.",
            Arity = new ArgumentArity(0, 2),
        };
        var check = new Command("check",
            "With REQUIREMENT and REPORT: does a measured system meet it? Without: check the settings of file and environment.")
            { files, config };
        check.SetAction(parsed =>
        {
            if (parsed.GetValue(files) is { Length: > 0 } given)
                return Requirement(given);
            try
            {
                var file = parsed.GetValue(config) ?? (File.Exists("truelive.yaml") ? "truelive.yaml" : null);
                var options = OptionsReader.Read(file, Environment.GetEnvironmentVariables(), new Dictionary<string, string>());
                foreach (var (key, value) in OptionsReader.Write(options))
                    Console.WriteLine($"{key}: {value}");
                return 0;
            }
            catch (ConfigurationException wrong)
            {
                foreach (var problem in wrong.Problems)
                    Console.Error.WriteLine(problem);
                return 2;
            }
        });
        return check;
    }

    private static int Requirement(string[] given)
    {
        if (given.Length != 2)
        {
            Console.Error.WriteLine($"Give a requirement and a report: truelive check {given[0]} REPORT.json");
            return 3;
        }
        try
        {
            var (result, section) = RequirementCheck.Run(ProbeOptions.Requirement(given[0]), ProbeReportCommands.Read(given[1]));
            foreach (var row in section.Rows)
                Console.WriteLine($"{row.Result,-13} {row.Level,-7} {row.Rule}: {row.Reason}");
            Console.WriteLine($"{section.Result}  {section.Title}");
            return (int)result;
        }
        catch (Exception e) when (e is FormatException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return 3;
        }
    }
}
