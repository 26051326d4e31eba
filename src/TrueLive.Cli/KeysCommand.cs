using System.CommandLine;
using TrueLive.Server.Access;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli;

/// <summary>
/// <c>truelive keys</c>: the named keys of a server on this machine. A running server applies every change within a second.
/// </summary>
internal static class KeysCommand
{
    private static readonly Option<string?> Config = new("--config")
    { Description = "YAML file with settings (default: truelive.yaml here, if there is one).", Recursive = true };

    private static readonly Option<string?> DataFolder = new("--data-folder")
    { Description = "Data folder of the server; it goes before what the settings say.", Recursive = true };

    public static Command Make() =>
        MakeFor("keys", "Make, list and revoke named keys of the server on this machine.", options => options.KeysPath, scoped: true);

    /// <summary>The same command for another file of keys; unless <paramref name="scoped"/>, its keys have no scopes.</summary>
    public static Command MakeFor(string command, string words, Func<ServerOptions, string> file, bool scoped)
    {
        var name = new Argument<string>("name") { Description = "Whose key it is, for people and logs." };
        var scopes = new Option<KeyScopes[]>("--scope")
        {
            Description = "What it opens: publish, watch, clips, probe, operate, or all. May be given several times.",
            DefaultValueFactory = _ => [KeyScopes.All],
        };
        var days = new Option<double?>("--days")
        { Description = "Days until it opens nothing any more; without it, it lasts until it is revoked." };
        var quota = new QuotaOptions();
        var create = new Command("create", "Make a key. It is shown once; the server keeps only its hash.") { name, days };
        if (scoped)
        {
            create.Options.Add(scopes);
            quota.AddTo(create);
        }
        create.SetAction(parsed => Guard(() =>
        {
            if (parsed.GetValue(days) is not (null or (> 0 and <= 36_500)))
                throw new ArgumentException("--days must be within 0..36500.");
            var lasts = parsed.GetValue(days) is { } d ? TimeSpan.FromDays(d) : (TimeSpan?)null;
            var opens = scoped ? parsed.GetValue(scopes)!.Aggregate(KeyScopes.None, (all, one) => all | one) : KeyScopes.None;
            var allowed = scoped ? quota.Read(parsed, null) : null;
            var key = ApiKeyFile.Create(PathOf(parsed), parsed.GetValue(name)!, opens, TimeProvider.System.GetUtcNow(), lasts);
            if (allowed is not null)
                ApiKeyFile.SetQuota(PathOf(parsed), parsed.GetValue(name)!, allowed);
            Console.WriteLine(key);
            return 0;
        }));
        var list = new Command("list", "Show the keys: name, what each opens, from when to when. The keys themselves are kept nowhere.");
        list.SetAction(parsed => Guard(() =>
        {
            var now = TimeProvider.System.GetUtcNow();
            foreach (var key in ApiKeyFile.Read(PathOf(parsed)))
            {
                var end = key.Expires is not { } e ? "no end" : e <= now ? FormattableString.Invariant($"ended {e:yyyy-MM-dd HH:mm}")
                    : FormattableString.Invariant($"until {e:yyyy-MM-dd HH:mm}");
                Console.WriteLine(
                    FormattableString.Invariant(
                    $"{key.Name,-24} {(scoped ? $"{key.Scopes.ToString().ToLowerInvariant(),-36} " : "")}made {key.Created:yyyy-MM-dd HH:mm}, {end}{QuotaOptions.Words(key.Quota)}"));
            }
            return 0;
        }));
        var revoked = new Argument<string>("name") { Description = "Name of the key." };
        var revoke = new Command("revoke", "End a key, and with it the links to what belongs to it.") { revoked };
        revoke.SetAction(parsed => Guard(() =>
        {
            if (ApiKeyFile.Revoke(PathOf(parsed), parsed.GetValue(revoked)!))
                return 0;
            throw new ArgumentException($"There is no key '{parsed.GetValue(revoked)}'. 'truelive keys list' shows them.");
        }));
        var whole = new Command(command, words) { create, list, revoke, Config, DataFolder };
        if (scoped)
            whole.Subcommands.Add(MakeQuota(PathOf));
        return whole;

        string PathOf(ParseResult parsed) => file(ServeCommand.PlaceOf(parsed.GetValue(Config), parsed.GetValue(DataFolder)));
    }

    private static Command MakeQuota(Func<ParseResult, string> pathOf)
    {
        var name = new Argument<string>("name") { Description = "Name of the key." };
        var quota = new QuotaOptions();
        var command = new Command("quota",
            "Set how much a key may use; without numbers it gets what key_sessions and key_minutes say for all.") { name };
        quota.AddTo(command);
        command.SetAction(parsed => Guard(() =>
        {
            var path = pathOf(parsed);
            var before = ApiKeyFile.Read(path).FirstOrDefault(k => k.Name == parsed.GetValue(name));
            return ApiKeyFile.SetQuota(path, parsed.GetValue(name)!, quota.Read(parsed, before?.Quota)) ? 0
                : throw new ArgumentException($"There is no key '{parsed.GetValue(name)}'. 'truelive keys list' shows them.");
        }));
        return command;
    }

    private static int Guard(Func<int> run)
    {
        try
        {
            return run();
        }
        catch (Exception error) when (error is ArgumentException or IOException or InvalidDataException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }
}
