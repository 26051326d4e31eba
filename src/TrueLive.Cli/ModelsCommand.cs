using System.CommandLine;
using TrueLive.Server.Configuration;
using TrueLive.Server.Sessions;

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
            using var shelf = ModelShelf.Load(new ServerOptions { ModelsFolder = parsed.GetValue(folder) ?? "", ModelThreads = 1 }, TimeProvider.System, Console.Error);
            foreach (var info in shelf.All.Select(m => m.Info))
            {
                Console.WriteLine($"{info.Id} {info.Version}: {info.Title}. {info.Description}");
                foreach (var look in info.Looks)
                    Console.WriteLine($"    {look.Id,-14} {look.Title}: {look.Description}");
            }
        });
        return models;
    }
}
