using System.Collections;
using TrueLive.Server.Configuration;

namespace TrueLive.Cli.Doctor;

/// <summary>
/// Checks everything that a server needs, in the order in which faults are best fixed. Checks that depend on a failed one say so.
/// </summary>
internal static class Examination
{
    /// <param name="file">Configuration file, or null.</param>
    /// <param name="environment">Environment variables.</param>
    /// <param name="flags">Settings by key, as given on the command line.</param>
    /// <param name="time">Clock.</param>
    /// <param name="cancel">Ends it early.</param>
    public static async IAsyncEnumerable<Finding> RunAsync(
        string? file, IDictionary environment, IReadOnlyDictionary<string, string> flags, TimeProvider time,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancel)
    {
        var options = new ServerOptions();
        var wrong = new List<string>();
        try
        {
            options = OptionsReader.Read(file, environment, flags);
        }
        catch (ConfigurationException found)
        {
            wrong.AddRange(found.Problems);
        }
        foreach (var problem in wrong)
            yield return Finding.Wrong("settings", problem,
                "Correct it there; 'truelive serve --help' explains every setting. Until then the rest is looked at with the " +
                "default settings.");
        if (wrong.Count == 0)
            yield return Finding.Right("settings", file is null
                ? "no configuration file; flags and TRUELIVE_* variables are understood"
                : $"{Path.GetFullPath(file)}, flags and TRUELIVE_* variables are understood");
        foreach (var finding in MachineChecks.Codecs())
            yield return finding;
        await foreach (var finding in FfmpegChecks.RunAsync(cancel).ConfigureAwait(false))
            yield return finding;
        await foreach (var finding in SandboxChecks.RunAsync(options, time, cancel).ConfigureAwait(false))
            yield return finding;
        foreach (var finding in (Finding[])[MachineChecks.Memory(), MachineChecks.Clock(time), MachineChecks.Gpu(options)])
            yield return finding;
        foreach (var finding in DiskChecks.Run(options))
            yield return finding;
        foreach (var finding in NetworkChecks.Ports(options))
            yield return finding;
        if (options.WebrtcUdp)
            yield return await NetworkChecks.UdpAsync(options, time, cancel).ConfigureAwait(false);
        foreach (var finding in (Finding?[])[TlsChecks.SecureOrigin(options), TlsChecks.Files(options, time)])
        {
            if (finding is not null)
                yield return finding;
        }
        using var models = new ModelChecks(options, time);
        foreach (var finding in models.Run())
            yield return finding;
        yield return await models.CapacityAsync(cancel).ConfigureAwait(false);
    }
}
