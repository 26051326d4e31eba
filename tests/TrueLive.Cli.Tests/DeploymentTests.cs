using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using System.Text.RegularExpressions;
using TrueLive.Server.Configuration;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace TrueLive.Cli.Tests;

/// <summary>What <c>deploy</c> holds fits the product: units, their settings, and the containers' variables.</summary>
public sealed partial class DeploymentTests : IDisposable
{
    private static readonly string Deploy = Path.Combine(Repository.Root, "deploy");

    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-deploy-").FullName;

    public static TheoryData<string> Units => [.. Directory.GetFiles(Path.Combine(Deploy, "systemd")).Select(f => Path.GetFileName(f)!)];

    public void Dispose() => Directory.Delete(_folder, true);

    [Theory]
    [MemberData(nameof(Units))]
    public void A_unit_starts_a_command_that_takes_its_settings(string unit)
    {
        var lines = File.ReadAllLines(Path.Combine(Deploy, "systemd", unit));
        var command = lines.Single(l => l.StartsWith("ExecStart=/usr/bin/truelive ", StringComparison.Ordinal)).Split(' ')[1..];
        Assert.Empty(CommandLine.Make().Parse(command).UnmatchedTokens);
        var use = command[0] == "control" ? OptionUse.Control : OptionUse.Serve;
        var settings = Path.Combine(Deploy, "settings", Path.GetFileName(command[^1]));
        var environment = lines.Where(l => l.StartsWith("Environment=", StringComparison.Ordinal)).Select(l => l.Split('=', 3))
            .ToDictionary(l => l[1], l => Secret(l[2]));
        OptionsReader.Read(settings, environment, new Dictionary<string, string>());

        var written = File.ReadLines(settings).Select(l => Setting().Match(l)).Where(m => m.Success).Select(m => m.Groups["key"].Value);
        var known = OptionsReader.Keys.Where(k => k.Use == use || k.Use == OptionUse.Both).Select(k => k.Key).ToList();
        Assert.All(written, key => Assert.Contains(key, known));
        var advised = Advised().Matches(File.ReadAllText(settings)).Select(m => m.Groups["command"].Value).ToList();
        Assert.NotEmpty(advised);
        Assert.All(advised, line => Assert.Empty(CommandLine.Make().Parse(line.Split(' ')).UnmatchedTokens));
    }

    // The program is not installed where tests run. Warnings are told and leave the exit code at 0.
    [Fact]
    public async Task Systemd_has_nothing_to_say_of_the_units()
    {
        foreach (var row in Units)
            File.WriteAllText(Path.Combine(_folder, row.Data), File.ReadAllText(Path.Combine(Deploy, "systemd", row.Data))
                .Replace("/usr/bin/truelive", "/bin/true", StringComparison.Ordinal));
        using var verify = Process.Start(new ProcessStartInfo("systemd-analyze",
            ["verify", "--man=no", "--recursive-errors=no", .. Directory.GetFiles(_folder)])
        { RedirectStandardError = true })!;
        var said = await verify.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await verify.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain("truelive", said, StringComparison.Ordinal);
        Assert.Equal(0, verify.ExitCode);
    }

    [Fact]
    public void Containers_get_settings_that_there_are_secrets_that_are_mounted_and_the_ports_that_they_announce()
    {
        var compose = new DeserializerBuilder().Build().Deserialize<Dictionary<string, object>>(
            new MergingParser(new Parser(new StringReader(File.ReadAllText(Path.Combine(Deploy, "compose.yaml"))))));
        var secrets = Map(compose["secrets"]).Keys;
        var own = Map(compose["services"]).Where(s => (string)Map(s.Value)["image"] == "truelive").ToList();
        Assert.Equal(["control", "worker-1", "worker-2"], own.Select(s => s.Key));
        foreach (var (name, fields) in own.Select(s => (s.Key, Map(s.Value))))
        {
            var mounted = List(fields["secrets"]);
            Assert.All(mounted, s => Assert.Contains(s, secrets));
            var environment = Map(fields["environment"]).ToDictionary(v => v.Key, v => Filled((string)v.Value));
            foreach (var (variable, value) in environment.Where(v => v.Value.StartsWith("/run/secrets/", StringComparison.Ordinal))
                .ToList())
            {
                Assert.Contains(Path.GetFileName(value), mounted);
                environment[variable] = variable.EndsWith("_FILE", StringComparison.Ordinal) ? Secret(value) : value;
            }
            var options = OptionsReader.Read(null, environment, new Dictionary<string, string>());
            Assert.Equal([name == "control" ? "control" : "serve"], List(fields["command"]));
            Assert.Equal(name == "control" ? ["443:8080/tcp"] : [$"{options.WebrtcPort}:{options.WebrtcPort}/udp",
                $"{options.WebrtcPort}:{options.WebrtcPort}/tcp"], List(fields["ports"]));
        }
    }

    [Fact]
    public void The_image_starts_a_command_with_settings_that_there_are_and_announces_the_ports_of_the_product()
    {
        var lines = File.ReadAllText(Path.Combine(Deploy, "Containerfile")).Replace("\\\n", " ", StringComparison.Ordinal).Split('\n')
            .Where(l => l.Length > 0 && l[0] != '#').Select(l => l.Split(' ', 2)).ToLookup(l => l[0], l => l[1]);
        var options = OptionsReader.Read(null, lines["ENV"].Select(l => l.Split('=', 2)).ToDictionary(l => l[0], l => l[1]),
            new Dictionary<string, string>());
        Assert.Equal([options.DataFolder], lines["VOLUME"]);
        Assert.Equal([$"{options.Port}/tcp {options.WebrtcPort}/tcp {options.WebrtcPort}/udp"], lines["EXPOSE"]);
        Assert.Equal(["[\"/usr/bin/truelive\"]"], lines["ENTRYPOINT"]);
        Assert.Empty(CommandLine.Make().Parse(JsonSerializer.Deserialize<string[]>(lines["CMD"].Single())!).UnmatchedTokens);
    }

    private string Secret(string name)
    {
        var file = Path.Combine(_folder, Path.GetFileName(name));
        File.WriteAllText(file, name.EndsWith("store", StringComparison.Ordinal) ? "postgres://u:p@db/fleet" : "0123456789abcdef");
        return file;
    }

    private static string Filled(string value) => Variable().Replace(value, v => v.Value.Contains("ADDRESS", StringComparison.Ordinal)
        ? "203.0.113.7" : "live.example.org");

    private static Dictionary<string, object> Map(object yaml) =>
        ((Dictionary<object, object>)yaml).ToDictionary(e => (string)e.Key, e => e.Value);

    private static IEnumerable<string> List(object yaml) => ((List<object>)yaml).Cast<string>();

    [GeneratedRegex(@"^#?(?<key>[a-z_]+): ")]
    private static partial Regex Setting();

    [GeneratedRegex(@"truelive -- truelive (?<command>.+)|All of them: truelive (?<command>.+)")]
    private static partial Regex Advised();

    [GeneratedRegex(@"\$\{[^}]*\}")]
    private static partial Regex Variable();
}
