using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using TrueLive.Core.Models;
using TrueLive.Hub.Repositories;
using TrueLive.Media.Files;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive models</c>: shows the models of this installation and adds more.</summary>
internal static class ModelsCommand
{
    private const string About = """
        The models of this installation: any ONNX network with a manifest (models/README.md says what belongs in one).

        Examples:
          truelive models list
          truelive models show live-tiny
          truelive models check ./my-model --input holiday.mp4
          truelive models add ./my-model
          truelive models pull sd-turbo
        """;

    private static readonly Option<string?> Folder = new("--models-folder")
    { Description = "Folder with more ONNX models; default as the server has it.", Recursive = true };
    private static readonly Option<string?> Config = new("--config")
    { Description = "YAML file with settings (default: truelive.yaml here, if there is one).", Recursive = true };

    public static readonly Option<bool> Json = new("--json") { Description = "Print JSON." };

    public static Command Make() =>
        new("models", About) { Folder, Config, ModelsListCommands.List(), ModelsListCommands.Show(), ModelsAddCommand.Make(),
        ModelsPullCommand.Make(), ModelsCheckCommand.Make() };

    /// <summary>The settings that say where models are stored.</summary>
    public static ServerOptions Options(ParseResult parsed) =>
        OptionsReader.Read(parsed.GetValue(Config) ?? (File.Exists("truelive.yaml") ? "truelive.yaml" : null),
            Environment.GetEnvironmentVariables(),
            parsed.GetValue(Folder) is { } folder ? new Dictionary<string, string> { ["models_folder"] = folder } : []);

    /// <summary>The manifest of the given folder, or of the model with this id.</summary>
    /// <exception cref="ModelException">Neither exists, or it cannot be used.</exception>
    public static ModelManifest Find(ParseResult parsed, string folderOrId)
    {
        var options = Options(parsed);
        return options.ManifestOf(folderOrId.Contains('/') || File.Exists(Path.Combine(folderOrId, "manifest.json"))
            ? folderOrId
            : FolderOf(folderOrId, options));
    }

    private static string FolderOf(string id, ServerOptions options)
    {
        var known = new List<string>();
        foreach (var folder in ModelFolders.In(options.ModelPlaces))
        {
            try
            {
                known.Add(options.ManifestOf(folder).Id);
            }
            catch (ModelException)
            {
                // An unusable folder can still be named, so that its fault is shown.
                known.Add(Path.GetFileName(folder));
            }
            if (known[^1] == id)
                return folder;
        }
        throw new ModelException($"There is no model '{id}' here, nor a folder of that name with a manifest.json. This installation has: " +
            $"{string.Join(", ", known)}.");
    }

    /// <summary>Runs a command; prints errors as a sentence and returns exit code 1, or 2 for invalid settings.</summary>
    public static async Task<int> GuardAsync(Func<Task<int>> run)
    {
        try
        {
            return await run().ConfigureAwait(false);
        }
        catch (Exception wrong) when (wrong is ModelException or HubException or ModelStepException or MediaException or IOException
            or UnauthorizedAccessException)
        {
            await Console.Error.WriteLineAsync(wrong.Message).ConfigureAwait(false);
            return 1;
        }
        catch (ConfigurationException wrong)
        {
            foreach (var problem in wrong.Problems)
                await Console.Error.WriteLineAsync(problem).ConfigureAwait(false);
            return 2;
        }
    }

    public static void Print(object value) => Console.WriteLine(JsonSerializer.Serialize(value, Written));

    private static readonly JsonSerializerOptions Written = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    };
}
