using Spectre.Console;

namespace TrueLive.Cli;

/// <summary>Tables on the console; in a pipe they are as wide as necessary and have no borders.</summary>
internal static class Output
{
    public static Table Table(params string[] columns)
    {
        if (Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = 400;
        var table = new Table().Border(Console.IsOutputRedirected ? TableBorder.None : TableBorder.Simple);
        foreach (var column in columns)
            table.AddColumn(new TableColumn(new Text(column)));
        return table;
    }

    /// <summary>Cells of plain text: text from a model folder must not be interpreted as markup.</summary>
    public static Text[] Cells(params string[] cells) => [.. cells.Select(c => new Text(c))];
}
