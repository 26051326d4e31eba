using Spectre.Console;

namespace TrueLive.Cli;

/// <summary>Tables for people; in a pipe they are as wide as they need to be and have no frame.</summary>
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

    /// <summary>Cells without markup: text from a model folder must not be read as such.</summary>
    public static Text[] Cells(params string[] cells) => [.. cells.Select(c => new Text(c))];
}
