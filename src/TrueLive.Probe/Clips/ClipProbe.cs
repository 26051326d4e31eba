using System.Numerics.Tensors;
using TrueLive.Media.Files;
using TrueLive.Probe.Analysis;
using TrueLive.Probe.Estimators;
using TrueLive.Probe.Features;
using TrueLive.Probe.Recordings;
using TrueLive.Probe.Reports;
using TrueLive.Probe.Stimuli;
using TrueLive.Probe.Targets;
using TrueLive.Probe.Verdicts;

namespace TrueLive.Probe.Clips;

/// <summary>One job of a clip service.</summary>
/// <param name="Prompt">+1 or -1: which prompt was sent.</param>
/// <param name="Picture">+1 or -1: which picture was sent; 0 for none.</param>
/// <param name="Seconds">From the request to the last byte.</param>
/// <param name="Length">Length of the clip, seconds.</param>
/// <param name="Look">Mean features of the clip.</param>
internal sealed record ClipJobResult(int Prompt, int Picture, double Seconds, double Length, float[] Look);

/// <summary>
/// Measures a clip service: how long a clip takes, and whether prompt and picture, drawn at random for each job, change what comes
/// back (permutation test). A service that answers requests is tier 1 or 2 by its turnaround; it can never be tier 3 here.
/// </summary>
public static class ClipProbe
{
    private const double TierTwo = 10;

    /// <summary>How long a run takes at most: as many jobs as it makes, each as long as the service may take for one.</summary>
    public static TimeSpan Longest(ClipApi service, ProbeProfile profile) => TimeSpan.FromSeconds(Jobs(profile) * service.Seconds);

    /// <summary>Runs jobs one after the other and writes a report.</summary>
    /// <exception cref="TargetException">Not a single clip was received.</exception>
    public static async Task<ProbeReport> RunAsync(
        ClipApi service, ProbeSessionOptions options, TimeProvider time, Action<string>? say, CancellationToken stop)
    {
        var jobs = Jobs(options.Profile);
        var configuration = FormattableString.Invariant($"truelive-clips/1 {jobs} jobs");
        var commitment = options.Seed.Commit(configuration);
        say?.Invoke($"commitment {commitment}");
        var began = time.GetUtcNow();
        var (prompts, pictures) = (options.Seed.Stream("clip prompts"), options.Seed.Stream("clip pictures"));
        var images = new[] { Image(options.Seed, 0), Image(options.Seed, 1) };
        var results = new List<ClipJobResult>();
        string? ended = null;
        using var client = new ClipClient(service, time, say);
        var file = Path.Combine(Directory.CreateTempSubdirectory("truelive-clips-").FullName, "clip");
        try
        {
            for (var k = 0; k < jobs; k++)
            {
                var (prompt, picture) = (prompts.NextBit() ? 1 : -1, service.TakesPicture ? pictures.NextBit() ? 1 : -1 : 0);
                var seconds = await client.MakeAsync(prompt > 0 ? options.Run.PromptA : options.Run.PromptB, images[picture > 0 ? 1 : 0],
                    file, stop).ConfigureAwait(false);
                var seen = await RecordingAnalysis.ReadAsync(file, stop).ConfigureAwait(false);
                var length = seen.Count > 1 ? (seen.Times[^1] - seen.Times[0]) * seen.Count / (seen.Count - 1) : 0;
                results.Add(new(prompt, picture, seconds, length, Mean(seen)));
                say?.Invoke(FormattableString.Invariant($"clip {k + 1} of {jobs}: {seconds:0.0} s for {length:0.0} s of video"));
            }
        }
        catch (OperationCanceledException)
        {
            ended = "stopped by the user";
        }
        catch (Exception e) when (e is TargetException or MediaException && results.Count > 0)
        {
            ended = e.Message;
        }
        catch (MediaFileException e)
        {
            throw new TargetException($"{service.Name} sent something that is no video: {e.Message}", e);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(file)!, true);
        }
        return Write(service, options, results, ended, began, commitment, configuration, jobs);
    }

    private static int Jobs(ProbeProfile profile) => profile.Name switch { "quick" => 12, "standard" => 40, "deep" => 100, _ => 12 };

    private static ProbeReport Write(
        ClipApi service, ProbeSessionOptions options, List<ClipJobResult> results, string? ended, DateTimeOffset began, string commitment,
        string configuration, int jobs)
    {
        var random = new Random(5);
        var looks = results.Select(r => r.Look).ToArray();
        var prompt = results.Count == 0 ? NullTest.None : GroupDifference.Test(looks, [.. results.Select(r => r.Prompt)], random);
        var picture = results.Count == 0 ? NullTest.None : GroupDifference.Test(looks, [.. results.Select(r => r.Picture)], random);
        var turnaround = results.Select(r => r.Seconds).ToArray();
        var (p50, p90) = (Intervals.QuantileInterval(turnaround, 0.5), Intervals.QuantileInterval(turnaround, 0.9));
        var answers = prompt.P <= 0.01 || picture.P <= 0.01;
        // The upper end of the interval decides on tier 2. If so few jobs cannot bound the 90 % quantile, the longest job decides, and the
        // sentence says so.
        var bound = p90.Measured ? p90.High : turnaround.Length > 0 ? turnaround.Max() : double.NaN;
        var tier = !answers ? TierLabel.NotProven : bound <= TierTwo ? TierLabel.T2 : TierLabel.T1;
        var word = p90.Measured ? "90 % of them" : $"all {turnaround.Length}";
        var sentence = tier switch
        {
            TierLabel.T2 =>
                FormattableString.Invariant(
                $"TIER 2: clips on request, {word} within {bound:0.0} s{(bound <= 1 ? " (fast)" : "")}; they answer {Answers()}. {State()}"),
            TierLabel.T1 =>
                FormattableString.Invariant($"TIER 1: clips on request, {word} within {bound:0.0} s; they answer {Answers()}. {State()}"),
            _ => $"NOT PROVEN: the clips did not change with prompt or picture beyond chance (prompt p {prompt.P:0.000}, n {results.Count}). {State()}",
        };
        var verdict = new TierVerdict
        {
            Tier = tier,
            Sentence = sentence,
            Flags = ended is null ? [] : ["incomplete run: " + ended],
            WhatWouldSettleIt = tier == TierLabel.NotProven
                ? ["More jobs (standard profile), with two prompts that look very different."]
                : [],
        };
        var run = new RunSection
        {
            Id = $"{began:yyyyMMdd-HHmmss}-{commitment[7..15]}",
            Utc = began,
            Profile = options.Profile.Name,
            Validity = "VALID",
            Incomplete = ended is not null,
            EndedBecause = ended,
            Evidence = "E4",
            Target = "clips " + service.Name,
            Version = ProbeReport.ProgramVersion,
            Commitment = commitment,
            Configuration = configuration,
            Seed = options.Seed.Hex,
            TakesPrompts = true,
            Redraws = GroupDifference.Redraws,
        };
        var plan = new StimulusPlan(options.Seed);
        var report = RunFolder.Report(run, plan, new ProbeFindings(), verdict);
        var metrics = new SortedDictionary<string, Metric>(StringComparer.Ordinal)
        {
            ["clip.turnaround.p50"] = Of(p50, "s", "request to last byte, order statistics"),
            ["clip.turnaround.p90"] = Of(p90, "s", "request to last byte, order statistics"),
            ["clip.len"] = new() { Value = Median(results.Select(r => r.Length)), Unit = "s", N = results.Count, Method = "median" },
            ["clip.RTF"] = new()
            {
                Value = Median(results.Select(r => r.Length / r.Seconds)),
                Unit = "x",
                N = results.Count,
                Method = "median of clip seconds per second of turnaround",
            },
            ["prompt.p"] = new()
            {
                Value = prompt.K == 0 ? null : prompt.P,
                Unit = "1",
                K = prompt.K,
                Z = prompt.Z,
                N = results.Count,
                Method = "permutation of prompts among jobs",
            },
            ["picture.p"] = new()
            {
                Value = picture.K == 0 ? null : picture.P,
                Unit = "1",
                K = picture.K,
                Z = picture.Z,
                N = results.Count,
                Method = picture.K == 0 ? "no picture was sent" : "permutation of pictures among jobs",
            },
        };
        report = report with { Metrics = metrics, Trials = [.. (options.Trials?.Kinds ?? []).Select(kind => new TrialSection(
            kind.ToString().ToLowerInvariant(), "not possible", "Not possible with a service that makes clips: it has no sessions.", []))] };
        report = report with { Requirements = [.. options.Requirements.Select(r => Requirements.RequirementCheck.Run(r, report).Section)] };
        return RunFolder.Write(options.Folder, report, plan, new Observation(), new ProbeFindings());

        string Answers() =>
            (prompt.P <= 0.01, picture.P <= 0.01) switch
            {
                (true, true) => "prompt and picture",
                (true, _) => "the prompt",
                _ => "the picture"
            };
        string State() => ended is null
            ? $"Valid run of {results.Count} jobs, evidence E4."
            : $"Incomplete run: {results.Count} of {jobs} jobs ({ended}), evidence E4.";
    }

    private static Metric Of(Estimate e, string unit, string method) =>
        new()
        {
            Value = e.Measured ? Math.Round(e.Value, 4) : null,
            Unit = unit,
            Ci95 = e.Measured ? [e.Low, e.High] : null,
            N = e.N,
            Method = e.Measured ? method : $"not measured: n = {e.N} is too small",
        };

    private static double? Median(IEnumerable<double> values) =>
        Intervals.Quantile([.. values.Where(double.IsFinite).Order()], 0.5) is var m && double.IsFinite(m) ? Math.Round(m, 4) : null;

    private static float[] Mean(Observation seen)
    {
        var mean = new float[FeatureExtractor.Motion];
        for (var i = 0; i < seen.Count; i++)
            TensorPrimitives.Add(mean, seen.Features(i)[..mean.Length], mean);
        TensorPrimitives.Divide(mean, Math.Max(1, seen.Count), mean);
        return mean;
    }

    private static string Image(ProbeSeed seed, int scene)
    {
        var picture = Picture.ForAnalysis();
        var plan = new StimulusPlan(seed);
        plan.Append(PhaseKind.Warmup, 1);
        new StimulusRenderer(seed, Picture.AnalysisWidth, Picture.AnalysisHeight, 1)
            .Draw(plan.Frames[0] with { Scene = scene }, 0, picture);
        return Png.DataUriOfPlanes(Observation.Bytes(picture), Picture.AnalysisWidth,
            Picture.AnalysisHeight)["data:image/png;base64,".Length..];
    }
}
