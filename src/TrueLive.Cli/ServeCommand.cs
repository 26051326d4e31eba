using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using TrueLive.Server;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive serve</c>: runs a server; every setting of <see cref="ServerOptions"/> is a flag.</summary>
internal static class ServeCommand
{
    public static Command Make()
    {
        var serve = new Command("serve",
            "Serve the page, the API and WebRTC. Settings come from a file, TRUELIVE_* variables and flags; later ones win.");
        var settings = AddSettings(serve);
        serve.SetAction(async (parsed, cancel) =>
        {
            var (file, flags) = settings(parsed);
            return await RunAsync(file, flags, (options, _) => Task.FromResult(TrueLiveServer.Build(options)), cancel)
                .ConfigureAwait(false);
        });
        return serve;
    }

    /// <summary>
    /// Adds every setting of one use (<see cref="OptionUse"/>) to a command as a flag; returns a function that reads the settings file and
    /// the flags given.
    /// </summary>
    public static Func<ParseResult, (string? File, Dictionary<string, string> Flags)> AddSettings(
        Command command, string use = OptionUse.Serve)
    {
        var config = new Option<string?>("--config")
        { Description = "YAML file with settings (default: truelive.yaml here, if there is one)." };
        command.Options.Add(config);
        var flags = new List<(OptionKey Key, Option Option)>();
        foreach (var key in OptionsReader.Keys.Where(k => k.Use == use || k.Use == OptionUse.Both))
        {
            Option option = key.IsSwitch
                ? new Option<bool?>(key.Flag) { Description = Describe(key), Arity = ArgumentArity.ZeroOrOne }
                : new Option<string?>(key.Flag) { Description = Describe(key), Hidden = key.IsSecret };
            if (key.IsSecret)
                option.Validators.Add(given =>
                    given.AddError($"{key.Flag} would show a secret to every user of this machine, who can read its command lines. Set " +
                    $"{key.Variable}, or {key.Key} in a file."));
            command.Options.Add(option);
            flags.Add((key, option));
        }
        return parsed => (
            parsed.GetValue(config) ?? (File.Exists("truelive.yaml") ? "truelive.yaml" : null),
            flags.Where(f => parsed.GetResult(f.Option) is { Implicit: false })
                .ToDictionary(f => f.Key.Key, f => f.Option is Option<bool?> b
                    ? (parsed.GetValue(b) ?? true ? "true" : "false")
                    : parsed.GetValue((Option<string?>)f.Option) ?? ""));
    }

    /// <summary>Reads the settings, builds the application, and runs it until it is told to stop. Returns the exit code.</summary>
    /// <param name="file">Settings file; null for none.</param>
    /// <param name="flags">Settings given as flags.</param>
    /// <param name="build">Builds the application.</param>
    /// <param name="cancel">Tells it to stop.</param>
    /// <param name="run">Runs once the application serves, and returns the exit code; null waits until it is told to stop.</param>
    public static async Task<int> RunAsync(
        string? file, Dictionary<string, string> flags, Func<ServerOptions, CancellationToken, Task<WebApplication>> build,
        CancellationToken cancel, Func<WebApplication, Task<int>>? run = null)
    {
        ServerOptions options;
        WebApplication app;
        try
        {
            if (file is not null)
                await Console.Error.WriteLineAsync($"Settings from {Path.GetFullPath(file)}.").ConfigureAwait(false);
            options = OptionsReader.Read(file, Environment.GetEnvironmentVariables(), flags);
            app = await build(options, cancel).ConfigureAwait(false);
        }
        catch (ConfigurationException wrong)
        {
            foreach (var problem in wrong.Problems)
                await Console.Error.WriteLineAsync(problem).ConfigureAwait(false);
            return 2;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync($"The data folder cannot be used: {error.Message} Choose another with --data-folder.")
                .ConfigureAwait(false);
            return 1;
        }
        await using var _ = app;
        try
        {
            await app.StartAsync(cancel).ConfigureAwait(false);
        }
        catch (IOException error)
        {
            await Console.Error.WriteLineAsync($"Cannot listen on {options.Host}:{options.Port}: {error.Message} Choose another " +
                "with --port.").ConfigureAwait(false);
            return 1;
        }
        var address = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        Console.WriteLine($"TrueLive is at {address}   (Ctrl-C ends it)");
        if (run is not null)
            return await run(app).ConfigureAwait(false);
        await app.WaitForShutdownAsync(cancel).ConfigureAwait(false);
        return 0;
    }

    /// <summary>
    /// Only the settings that say where the server keeps its files: the settings of a public server are invalid as a whole until it has a
    /// key.
    /// </summary>
    public static ServerOptions PlaceOf(string? config, string? dataFolder)
    {
        var file = config ?? (File.Exists("truelive.yaml") ? "truelive.yaml" : null);
        dataFolder ??= Environment.GetEnvironmentVariable("TRUELIVE_DATA_FOLDER");
        if (dataFolder is null && file is not null)
            dataFolder = OptionsReader.Read(file, _ => null, new Dictionary<string, string> { ["host"] = "127.0.0.1" }).DataFolder;
        return new ServerOptions { DataFolder = dataFolder ?? "" };
    }

    private static string Describe(OptionKey key) => key.Default.Length == 0 ? key.Description : $"{key.Description} [{key.Default}]";
}
