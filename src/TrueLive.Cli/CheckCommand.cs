using System.CommandLine;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive check</c>: is the configuration right, before anything starts.</summary>
internal static class CheckCommand
{
    public static Command Make()
    {
        var config = new Option<string?>("--config") { Description = "YAML file with settings (default: truelive.yaml here, if there is one)." };
        var check = new Command("check", "Check the settings of file and environment, and print what is in force.") { config };
        check.SetAction(parsed =>
        {
            try
            {
                var file = parsed.GetValue(config) ?? (File.Exists("truelive.yaml") ? "truelive.yaml" : null);
                var options = OptionsReader.Read(file, Environment.GetEnvironmentVariable, new Dictionary<string, string>());
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
}
