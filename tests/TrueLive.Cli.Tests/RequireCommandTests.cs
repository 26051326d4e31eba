using System.Diagnostics;
using System.Text.Json;

namespace TrueLive.Cli.Tests;

/// <summary><c>truelive require</c> as a user types it.</summary>
public sealed class RequireCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("truelive-require-").FullName;

    [Fact]
    public async Task The_answer_is_printed_and_its_files_are_written()
    {
        var (code, said) = await RequireAsync("--build", "video-call-filter", "--keep", "sound", "privacy", "--out", "need.yaml",
            "--picture", "need.svg");
        Assert.True(code == 0, said);
        Assert.StartsWith("You need tier 3, live", said, StringComparison.Ordinal);
        Assert.Contains("Ask the vendor:", said, StringComparison.Ordinal);
        Assert.Contains("schema: live-ai-video-requirement/1", await ReadAsync("need.yaml"), StringComparison.Ordinal);
        Assert.StartsWith("<svg", await ReadAsync("need.svg"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task As_JSON_it_gives_the_questions_and_with_answers_the_answer()
    {
        var (code, said) = await RequireAsync("--json", "--build", "batch-post-production");
        Assert.True(code == 0, said);
        using var json = JsonDocument.Parse(said);
        Assert.Equal(4, json.RootElement.GetProperty("questions").GetArrayLength());
        Assert.Equal(1, json.RootElement.GetProperty("answer").GetProperty("tier").GetInt32());
    }

    [Theory]
    [InlineData("choose video-call-filter", "--build", "film")]
    [InlineData("takes one answer", "--build", "vtuber", "--build", "ar-mirror")]
    [InlineData("no terminal to ask in")]
    public async Task What_cannot_be_answered_says_what_to_write(string words, params string[] arguments)
    {
        var (code, said) = await RequireAsync(arguments);
        Assert.Equal((2, true), (code, said.Contains(words, StringComparison.Ordinal)));
    }

    private Task<string> ReadAsync(string name) =>
        File.ReadAllTextAsync(Path.Combine(_folder, name), TestContext.Current.CancellationToken);

    private async Task<(int Code, string Said)> RequireAsync(params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("dotnet",
            [Path.Combine(AppContext.BaseDirectory, "truelive.dll"), "require", .. arguments])
        { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = _folder })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }

    public void Dispose() => Directory.Delete(_folder, true);
}
