using System.Diagnostics;

namespace TrueLive.Cli.Tests;

/// <summary>Following the advice in an error of <c>truelive clip</c> resolves the error.</summary>
public sealed class ClipAdviceTests : IDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("truelive-advice-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private async Task<(int Code, string Said)> RunAsync(string file, string command)
    {
        using var process = Process.Start(new ProcessStartInfo(file, command.Split('|'))
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = _home })!;
        var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(Cancel), process.StandardError.ReadToEndAsync(Cancel));
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, string.Concat(said));
    }

    private Task<(int Code, string Said)> ClipAsync(string arguments) =>
        RunAsync("dotnet", $"{Path.Combine(AppContext.BaseDirectory, "truelive.dll")}|clip|{arguments}");

    [Theory]
    [InlineData("film.mkv|-o|out.mkv|--seed|7", "Leave it out", "film.mkv|-o|out.mkv")]
    [InlineData("film.mkv|-o|film.mkv", "Choose another name with -o", "film.mkv|-o|other.mkv")]
    [InlineData("film.mkv|-o|out.avi", ".mp4, .m4v, .mov, .mkv, .webm or .gif", "film.mkv|-o|out.m4v")]
    [InlineData("film.mkv|-o|out.webm|--format|mp4", "Change one of the two", "film.mkv|-o|out.mp4|--format|mp4")]
    [InlineData("film.mkv|-o|taken", "choose a new one", "film.mkv|-o|new")]
    [InlineData("film.mkv|-o|taken|--format|mkv", "Name a file in it", "film.mkv|-o|taken/out.mkv|--format|mkv")]
    [InlineData("film.mkv|-o|out.mkv|--prompts|cinema", "'0s ink; 3.5s neon'", "film.mkv|-o|out.mkv|--prompts|0s ink; 3.5s neon")]
    [InlineData("film.mkv|-o|out.mkv|--prompt|a|--prompts|0s b", "Give either --prompt (one prompt) or --prompts (a schedule)",
        "film.mkv|-o|out.mkv|--prompt|a")]
    [InlineData("film.mkv|-o|out.mkv|--size|9", "(512x288!)", "film.mkv|-o|out.mkv|--size|512x288!")]
    [InlineData("mixed|-o|out.mkv", "Leave one kind", "one|-o|out.mkv")]
    [Trait("Run", "full")]
    public async Task The_advice_of_a_refusal_works(string refused, string advice, string followed)
    {
        Directory.CreateDirectory(Path.Combine(_home, "one"));
        Directory.CreateDirectory(Path.Combine(_home, "mixed"));
        Directory.CreateDirectory(Path.Combine(_home, "taken", "letters"));
        var (made, why) = await RunAsync("ffmpeg",
            "-loglevel|error|-nostdin|-f|lavfi|-i|testsrc2=s=64x48:r=10:d=0.3|film.mkv|-frames:v|1|mixed/1.png|-frames:v|1|mixed/2.jpg|-frames:v|1|one/1.png");
        Assert.True(made == 0, why);
        var (code, said) = await ClipAsync(refused);
        Assert.Equal(1, code);
        Assert.Contains(advice, said, StringComparison.Ordinal);
        (code, said) = await ClipAsync(followed);
        Assert.True(code == 0, said);
    }

    public void Dispose() => Directory.Delete(_home, true);
}
