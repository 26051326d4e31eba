using System.CommandLine;
using System.Diagnostics;
using TrueLive.Server.Access;

namespace TrueLive.Cli.Tests;

public sealed class KeysCommandTests : IDisposable
{
    private readonly string _data = Directory.CreateTempSubdirectory("truelive-cli-keys-").FullName;

    private string KeyFile => Path.Combine(_data, "api-keys.json");

    public void Dispose() => Directory.Delete(_data, recursive: true);

    [Fact]
    public void A_key_is_made_listed_and_revoked_from_the_command_line()
    {
        Assert.Equal(0, Run("create", "camera-1", "--scope", "publish", "--scope", "watch", "--days", "7"));
        var key = Assert.Single(ApiKeyFile.Read(KeyFile));
        Assert.Equal(("camera-1", KeyScopes.Publish | KeyScopes.Watch), (key.Name, key.Scopes));
        Assert.Equal(7, (key.Expires!.Value - key.Created).TotalDays, 3);
        Assert.Equal(0, Run("list"));
        Assert.Equal(1, Run("create", "camera-1"));
        Assert.Equal(1, Run("create", "other", "--days", "-1"));
        Assert.Equal(1, Run("revoke", "nobody"));
        Assert.Equal(0, Run("revoke", "camera-1"));
        Assert.Empty(ApiKeyFile.Read(KeyFile));
    }

    [Fact]
    public void A_quota_keeps_what_was_not_given_and_is_made_with_its_key()
    {
        Assert.Equal(0, Run("create", "studio", "--minutes", "6000"));
        Assert.Equal(new KeyQuota(null, 6000), Assert.Single(ApiKeyFile.Read(KeyFile)).Quota);
        Assert.Equal(0, Run("quota", "studio", "--minutes", "9000"));
        Assert.Equal(new KeyQuota(null, 9000), Assert.Single(ApiKeyFile.Read(KeyFile)).Quota);
        Assert.Equal(0, Run("quota", "studio", "--sessions", "0"));
        Assert.Equal(new KeyQuota(0, 9000), Assert.Single(ApiKeyFile.Read(KeyFile)).Quota);
        Assert.Equal(0, Run("quota", "studio"));
        Assert.Null(Assert.Single(ApiKeyFile.Read(KeyFile)).Quota);
        Assert.Equal(1, Run("create", "other", "--sessions", "-1"));
        Assert.Single(ApiKeyFile.Read(KeyFile));
    }

    [Theory]
    [InlineData("--api-keys")]
    [InlineData("--webhook-secret")]
    [InlineData("--clip-database")]
    public void Secrets_are_not_taken_from_a_command_line_that_everybody_can_read(string flag)
    {
        var refused = Assert.Single(ServeCommand.Make().Parse([flag, "a-secret-of-enough-characters"]).Errors);
        Assert.Contains("TRUELIVE_" + flag[2..].Replace('-', '_').ToUpperInvariant(), refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_another_user_left_in_the_folder_are_taken_only_by_name()
    {
        Assert.SkipUnless(Environment.IsPrivilegedProcess, "Only root can give a file to another user.");
        var file = Path.Combine(_data, "truelive.yaml");
        await File.WriteAllTextAsync(file, "port: 4711\n", Cancel);
        Assert.Contains("port: 4711", await CheckAsync(), StringComparison.Ordinal);
        using (var chown = Process.Start("chown", ["12345", file]))
            await chown.WaitForExitAsync(Cancel);
        Assert.Contains("another user", await CheckAsync(), StringComparison.Ordinal);
        Assert.Contains("port: 4711", await CheckAsync("--config", "./truelive.yaml"), StringComparison.Ordinal);
        // A settings file that everybody can write is refused, whoever owns it.
        File.SetUnixFileMode(file, File.GetUnixFileMode(file) | UnixFileMode.OtherWrite);
        Assert.Contains("chmod o-w", await CheckAsync("--config", "./truelive.yaml"), StringComparison.Ordinal);
    }

    [Fact]
    public void Words_of_a_measured_server_give_no_orders_to_a_terminal() =>
        Assert.Equal("red\uFFFD[31m title\uFFFD]0;x\uFFFD\nnext", ProbeDisplay.Shown("red\u001b[31m title\u001b]0;x\u0007\nnext"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<string> CheckAsync(params string[] more)
    {
        using var check = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "check", .. more])
        {
            WorkingDirectory = _data,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var errors = check.StandardError.ReadToEndAsync(Cancel);
        return await check.StandardOutput.ReadToEndAsync(Cancel) + await errors;
    }

    private int Run(params string[] arguments) => KeysCommand.Make().Parse([.. arguments, "--data-folder", _data]).Invoke();
}
