using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Requirements;

namespace TrueLive.Cli;

/// <summary><c>truelive require</c>: from what somebody builds to the tier, the requirement and the questions for a vendor.</summary>
internal static class RequireCommand
{
    private static readonly RequirementQuestion[] Questions = [.. RequirementQuestion.All];

    public static Command Make()
    {
        var options = Questions.ToDictionary(q => q.Id, q => new Option<string[]>("--" + q.Id)
        {
            Description = $"{q.Words} {string.Join(", ", q.Choices.Select(c => c.Id))}.",
            AllowMultipleArgumentsPerToken = q.Several,
        });
        var to = new Option<string?>("--out") { Description = "Write the requirement to this file, for probe --require." };
        var picture = new Option<string?>("--picture") { Description = "Write the picture of the answer to this SVG file." };
        var json = new Option<bool>("--json") { Description = "Print JSON; without --build the questions." };
        var require = new Command("require", """
            What do I need? Asks four questions and answers with the tier, why, the figures with their sources, and what to ask a vendor.

            Examples:
              truelive require                                          asks in the terminal
              truelive require --build video-call-filter --keep sound --out need.yaml
              truelive probe whip https://host/whip --require need.yaml
            """) { to, picture, json };
        foreach (var option in options.Values)
            require.Options.Add(option);
        require.SetAction(parsed => ProbeReportCommands.Guard(() =>
        {
            var given = options.ToDictionary(o => o.Key, o => parsed.GetValue(o.Value) ?? []);
            if (parsed.GetValue(json))
                return Json(given, parsed.GetValue(to), parsed.GetValue(picture));
            if (given["build"].Length == 0)
            {
                if (Console.IsInputRedirected || Console.IsOutputRedirected)
                    throw new FormatException("There is no terminal to ask in. Say what you build with --build: " +
                        $"{string.Join(", ", RequirementPresets.Names)}.");
                Ask(given);
            }
            var advice = Advice(given);
            Print(advice);
            Write(advice, parsed.GetValue(to), parsed.GetValue(picture));
            return 0;
        }));
        return require;
    }

    private static RequirementAdvice Advice(Dictionary<string, string[]> given) => RequirementAdvice.For(new RequirementAnswers(
        One(given, "build")!, One(given, "watch"), One(given, "delay"), given["keep"]));

    private static string? One(Dictionary<string, string[]> given, string question) => given[question].Length <= 1
        ? given[question].FirstOrDefault()
        : throw new FormatException($"--{question} takes one answer, not {given[question].Length}.");

    private static int Json(Dictionary<string, string[]> given, string? to, string? picture)
    {
        var advice = given["build"].Length > 0 ? Advice(given) : null;
        if (advice is not null)
            Write(advice, to, picture);
        Console.WriteLine(JsonSerializer.Serialize(new { questions = Questions, answer = advice }, ProbeReport.Json));
        return 0;
    }

    private static void Ask(Dictionary<string, string[]> given)
    {
        foreach (var question in Questions.Where(q => given[q.Id].Length == 0))
        {
            string Words(string id) => question.Choices.First(c => c.Id == id).Words;
            var ids = question.Choices.Select(c => c.Id);
            given[question.Id] = question.Several
                ? [.. AnsiConsole.Prompt(new MultiSelectionPrompt<string>().Title(question.Words).NotRequired().UseConverter(Words)
                    .AddChoices(ids))]
                : [AnsiConsole.Prompt(new SelectionPrompt<string>().Title(question.Words).UseConverter(Words).AddChoices(ids))];
        }
    }

    private static void Print(RequirementAdvice advice)
    {
        Console.WriteLine(advice.Heading);
        List("", advice.Why);
        List("Mind", advice.Warnings);
        List("Figures", advice.Figures.Select(f => $"{f.Name}: {(f.Must ? "" : "better ")}{f.Limit} ({f.Source}: {f.Why})"));
        List("Ask the vendor", advice.Ask);
        Console.WriteLine($"\nThe requirement, for truelive probe ... --require FILE:\n\n{advice.Yaml}");

        static void List(string title, IEnumerable<string> lines)
        {
            if (!lines.Any())
                return;
            Console.WriteLine(title.Length > 0 ? $"\n{title}:" : "");
            foreach (var line in lines)
                Console.WriteLine($"  {line}");
        }
    }

    private static void Write(RequirementAdvice advice, string? to, string? picture)
    {
        if (to is not null)
            File.WriteAllText(to, advice.Yaml);
        if (picture is not null)
            File.WriteAllText(picture, advice.Picture);
    }
}
