using System.Diagnostics;
using System.Reflection;

namespace TrueLive.Server.Probes;

/// <summary>
/// Starts this program again with other arguments, so that probe and server have the same version and share no memory. The child inherits
/// only the environment variables that a program needs to run: it talks to servers that are not trusted, so it must not have this server's
/// keys and passwords.
/// </summary>
internal static class OwnProgram
{
    private static readonly string[] Inherited = ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "HOME", "TZ", "SSL_CERT_FILE",
        "SSL_CERT_DIR", "MALLOC_ARENA_MAX"];

    /// <summary>How to start it; output and errors are redirected. Arguments do not pass through a shell.</summary>
    public static ProcessStartInfo Start(params IEnumerable<string> arguments)
    {
        var own = Environment.ProcessPath ?? throw new InvalidOperationException("This program does not know its own path.");
        var start = new ProcessStartInfo(own) { RedirectStandardOutput = true, RedirectStandardError = true, UseShellExecute = false };
        // Run as `dotnet truelive.dll`, the process is dotnet and the program its first argument.
        if (Path.GetFileNameWithoutExtension(own) == "dotnet")
            start.ArgumentList.Add(Assembly.GetEntryAssembly()!.Location);
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        foreach (var name in start.Environment.Keys.Where(n => !Inherited.Contains(n) && !n.StartsWith("DOTNET_", StringComparison.Ordinal))
            .ToArray())
            start.Environment.Remove(name);
        start.Environment["MALLOC_ARENA_MAX"] = "2";
        return start;
    }

    /// <summary>Runs it to the end, at low priority and for a minute at most.</summary>
    public static async Task<(int Code, string Output, string Errors)> RunAsync(
        CancellationToken cancel, params IEnumerable<string> arguments)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        using var process = Process.Start(Start(arguments))!;
        try
        {
            process.PriorityClass = ProcessPriorityClass.BelowNormal;
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token).ConfigureAwait(false);
            return (process.ExitCode, await output.ConfigureAwait(false), await errors.ConfigureAwait(false));
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }
}
