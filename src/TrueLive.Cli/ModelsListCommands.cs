using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using TrueLive.Core.Models;
using TrueLive.Hub;
using TrueLive.Models;
using TrueLive.Models.Catalogue;
using TrueLive.Models.Manifest;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary><c>truelive models list</c> and <c>show</c>.</summary>
internal static class ModelsListCommands
{
    public static Command List()
    {
        var server = new Option<string?>("--server")
        {
            Description = "Address of a running server, which says what is loaded there and what it costs (default: this machine's, on " +
            "the port of the settings)."
        };
        var list = new Command("list",
            "List the models of this installation and of a running server with what it has loaded, and the folders that cannot be used " +
            "with the reason.") { server, ModelsCommand.Json };
        list.SetAction((parsed, cancel) => ModelsCommand.GuardAsync(async () =>
        {
            var options = ModelsCommand.Options(parsed);
            var rows = ModelFolders.In(options.ModelPlaces).Select(folder => Read(folder, options)).ToArray();
            var there = await RunningModels.AskAsync(options, parsed.GetValue(server), cancel).ConfigureAwait(false);
            using var passthrough = new PassthroughModel();
            if (parsed.GetValue(ModelsCommand.Json))
                ModelsCommand.Print(rows.Select(r => new
                {
                    r.Manifest?.Id,
                    r.Manifest?.Version,
                    r.Manifest?.Title,
                    r.Manifest?.Licence,
                    Looks = r.Manifest?.Looks.Length,
                    Server = there.Of(r.Manifest?.Id),
                    r.Folder,
                    Wrong = r.Complaint
                })
                    .Append(new
                    {
                        Id = (string?)passthrough.Info.Id,
                        Version = (string?)passthrough.Info.Version,
                        Title = (string?)passthrough.Info.Title,
                        Licence = (string?)"MIT",
                        Looks = (int?)0,
                        Server = there.Of(passthrough.Info.Id),
                        Folder = "",
                        Wrong = (string?)null,
                    })
                    .Concat(Elsewhere().Select(m => new
                    {
                        Id = (string?)m.Id,
                        Version = (string?)m.Version,
                        Title = (string?)m.Title,
                        Licence = (string?)null,
                        Looks = (int?)null,
                        Server = (string?)m.Words,
                        Folder = "",
                        Wrong = (string?)null,
                    })));
            else
                Show(rows, passthrough.Info, there, Elsewhere());
            return 0;

            IEnumerable<(string Id, string Version, string Title, string Words)> Elsewhere() =>
                there.Except(rows.Select(r => r.Manifest?.Id).Append(passthrough.Info.Id));
        }));
        return list;
    }

    public static Command Show()
    {
        var id = new Argument<string>("id") { Description = "Model id, or a folder." };
        var show = new Command("show", "Show what a model declares: sizes, tensors, states, looks, measured figures.")
            { id, ModelsCommand.Json };
        show.SetAction((parsed, _) => ModelsCommand.GuardAsync(() =>
        {
            using var model = ModelLoader.Load(ModelsCommand.Find(parsed, parsed.GetValue(id)!), 1, TimeProvider.System);
            var m = model.Manifest;
            if (parsed.GetValue(ModelsCommand.Json))
            {
                ModelsCommand.Print(new
                {
                    m.Id,
                    m.Version,
                    m.Title,
                    m.Description,
                    m.Licence,
                    m.Folder,
                    m.File,
                    m.Sha256,
                    Sizes = model.Info.Sizes,
                    model.Tensors,
                    States = m.States.Select(s => new { s.Input, s.Output }),
                    m.ReferenceImage,
                    model.Info.Looks,
                    m.Measured,
                });
                return Task.FromResult(0);
            }
            Describe(model);
            return Task.FromResult(0);
        }));
        return show;
    }

    private static (string Folder, ModelManifest? Manifest, string? Complaint) Read(string folder, ServerOptions options)
    {
        try
        {
            var manifest = options.ManifestOf(folder);
            manifest.FileBytes();
            return (folder, manifest, null);
        }
        catch (ModelException wrong)
        {
            return (folder, null, wrong.Message);
        }
    }

    private static void Show((string Folder, ModelManifest? Manifest, string? Complaint)[] rows, ModelInfo passthrough,
        RunningModels there, IEnumerable<(string Id, string Version, string Title, string Words)> elsewhere)
    {
        var table = Output.Table("id", "version", "title", "sizes", "looks", "memory", "licence", there.Title);
        foreach (var m in rows.Select(r => r.Manifest).OfType<ModelManifest>())
            table.AddRow(Output.Cells(m.Id, m.Version, m.Title, Sizes(m.Size!), $"{m.Looks.Length}", m.States.Length > 0 ? "yes" : "no",
                m.Licence, there.Of(m.Id) ?? "-"));
        table.AddRow(Output.Cells(passthrough.Id, passthrough.Version, passthrough.Title, "any", "0", "no", "MIT",
            there.Of(passthrough.Id) ?? "-"));
        foreach (var (id, version, title, words) in elsewhere)
            table.AddRow(Output.Cells(id, version, title, "", "", "", "", words));
        AnsiConsole.Write(table);
        foreach (var wrong in rows.Where(r => r.Complaint is not null))
            Console.WriteLine($"Cannot be used: {wrong.Folder}\n    {wrong.Complaint}");
        ShowKnown(rows.Select(r => r.Manifest?.Id));
    }

    private static void ShowKnown(IEnumerable<string?> here)
    {
        var table = Output.Table("to be pulled", "title", "licence", "on disk", "memory, about", "state");
        foreach (var known in KnownModel.All)
        {
            table.AddRow(Output.Cells(
                known.Alias, known.Title, known.Licence, Gigabytes(known.Gigabytes), Gigabytes(2 * known.Gigabytes),
                here.Contains(known.Alias) ? "pulled" : "not tried"));
        }
        AnsiConsole.Write(table);

        static string Gigabytes(double number) => string.Create(CultureInfo.InvariantCulture, $"{number:0.#} GB");
    }

    private static void Describe(FolderModel model)
    {
        var m = model.Manifest;
        Console.WriteLine(
            $"{m.Id} {m.Version}: {m.Title}\n{m.Description}\nLicence: {m.Licence}\nFolder: {m.Folder}\nSizes: {Sizes(m.Size!)}");
        foreach (var tensor in model.Tensors)
            Console.WriteLine($"    {tensor}");
        foreach (var state in m.States)
            Console.WriteLine($"    state {state.Output} -> {state.Input}");
        if (m.ReferenceImage is { } note)
            Console.WriteLine($"Reference image: {note}");
        if (m.Looks.Length > 0)
        {
            var looks = Output.Table("look", "title", "description");
            foreach (var look in m.Looks)
                looks.AddRow(Output.Cells(look.Id, look.Title, look.Description));
            AnsiConsole.Write(looks);
        }
        if (m.Measured is { ValueKind: not JsonValueKind.Null } measured)
            Console.WriteLine("Measured by its makers:\n" + measured.GetRawText());
    }

    private static string Sizes(SizeSpec size) =>
        size is { Width: { } w, Height: { } h } ? $"{w}x{h}" : $"{size.Min}..{size.Max}, multiples of {size.Multiple}";
}
