using System.CommandLine;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;

namespace TrueLive.Cli;

/// <summary><c>truelive models add</c>: checks a model and copies it to the user's models.</summary>
internal static class ModelsAddCommand
{
    public static Command Make()
    {
        var folder = new Argument<string>("folder") { Description = "Model folder: an ONNX file with a manifest.json." };
        var replace = new Option<bool>("--replace") { Description = "Replace the model of the same id." };
        var add = new Command("add",
            "Check a model folder and copy it into the models folder. A folder that cannot be used is refused, and the reason named.")
            { folder, replace };
        add.SetAction((parsed, _) => ModelsCommand.GuardAsync(() =>
        {
            var options = ModelsCommand.Options(parsed);
            // Loading runs one step, so a model that is copied is known to work.
            using var model = ModelLoader.Load(parsed.GetValue(folder)!, 1, TimeProvider.System);
            var id = model.Info.Id;
            if (id == "passthrough" || ModelFolders.In([options.ModelPlaces[0]]).Any(f => ModelManifest.Load(f).Id == id))
                throw new ModelException($"{Path.Combine(model.Manifest.Folder, "manifest.json")}: id is '{id}', which TrueLive itself " +
                    "brings. Choose another.");
            Console.WriteLine(
                $"Added {id} to {ModelInstall.Copy(model.Manifest, options.ModelsPath, parsed.GetValue(replace))}. The server offers it from its next start on; 'truelive models check {id}' tells how fast it is here.");
            return Task.FromResult(0);
        }));
        return add;
    }
}
