using System.CommandLine;
using TrueLive.Server;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive models</c>: what this installation offers.</summary>
internal static class ModelsCommand
{
    public static Command Make()
    {
        var folder = new Option<string?>("--models-folder") { Description = "Folder with more ONNX models." };
        var models = new Command("models", "List the models and the looks that a prompt can name.") { folder };
        models.SetAction(parsed =>
        {
            var all = TrueLiveServer.LoadModels(new ServerOptions { ModelsFolder = parsed.GetValue(folder) });
            foreach (var info in all.Select(m => m.Info))
            {
                Console.WriteLine($"{info.Id} {info.Version}: {info.Title}. {info.Description}");
                foreach (var look in info.Looks)
                    Console.WriteLine($"    {look.Id,-14} {look.Title}: {look.Description}");
            }
            foreach (var model in all)
                model.Dispose();
        });
        return models;
    }
}
