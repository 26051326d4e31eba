using System.Numerics.Tensors;
using TrueLive.Probe.Features;
using TrueLive.Probe.Stimuli;

namespace TrueLive.Probe.Simulation;

/// <summary>
/// A run against a simulated system in virtual time: same plan, same pictures, same features as a real run, no codec and no
/// network. Extends phase by phase, as a real run does.
/// </summary>
public sealed class SimulatedRun : IDisposable
{
    private readonly Picture _picture = Picture.ForAnalysis();
    private readonly Picture _second = Picture.ForAnalysis();
    private readonly StimulusRenderer _live;
    private readonly Lazy<StimulusRenderer> _footage;
    private readonly IEnumerator<Shown> _shown;
    private readonly Look _look;
    private readonly SeedStream _overlay;
    private readonly List<(double Time, int Content)> _truth = [];
    private readonly Dictionary<int, Picture> _recording = [];
    private readonly bool _takesPrompts;
    private bool _pending;

    /// <summary>Prepares a run; nothing is sent yet.</summary>
    public SimulatedRun(SimulatedSystem system, string look, ProbeSeed seed, double amplitude = 1)
    {
        Plan = new StimulusPlan(seed, amplitude);
        _takesPrompts = system.TakesPrompts;
        var world = ProbeSeed.From($"world {seed.Hex} {system.Name} {look}");
        _look = Look.ByName[look](world.Stream("look"));
        _live = new StimulusRenderer(seed, Picture.AnalysisWidth, Picture.AnalysisHeight, amplitude);
        _footage = new(() => new StimulusRenderer(world, Picture.AnalysisWidth, Picture.AnalysisHeight));
        var footage = new StimulusPlan(world);
        footage.Append(system.Name == "prerendered" ? PhaseKind.Fast : PhaseKind.Warmup, 600);
        _overlay = world.Stream("overlay");
        _shown = system.Play(new SimulatedInput(Plan), footage.Frames, world.Stream("system")).GetEnumerator();
    }

    /// <summary>Phases and codes sent.</summary>
    public StimulusPlan Plan { get; }

    /// <summary>What came back.</summary>
    public Observation Seen { get; } = new();

    /// <summary>What really was shown: time and input frame (-1 for none).</summary>
    public IReadOnlyList<(double Time, int Content)> Truth => _truth;

    /// <summary>Memory of the look, in seconds: part of the response delay.</summary>
    public double MemorySeconds => _look.MemoryFrames / (double)CodeLaw.Rate;

    /// <summary>The natures that are right for a system that applies the look to everything.</summary>
    public IReadOnlyList<Verdicts.Nature> LookNatures => _look.Natures;

    /// <summary>Sends all phases planned so far and receives all output up to their end.</summary>
    public void Advance(CancellationToken cancel) => Advance(Plan.Frames.Count, cancel);

    /// <summary>Sends up to an input frame and receives all output up to its time.</summary>
    public void Advance(int frames, CancellationToken cancel)
    {
        for (var j = Seen.Sent.Count; j < frames; j++)
            Seen.Sent.Add(j * SimulatedInput.Step);
        for (var k = Seen.PromptSent.Count; _takesPrompts && k < Plan.Prompts.Count && Plan.Prompts[k].Frame < frames; k++)
            Seen.PromptSent.Add(Plan.Prompts[k].Frame * SimulatedInput.Step);
        var end = frames * SimulatedInput.Step;
        while (!cancel.IsCancellationRequested)
        {
            if (!_pending)
                _shown.MoveNext();
            _pending = _shown.Current.Time >= end;
            if (_pending)
                return;
            Present(_shown.Current);
        }
        cancel.ThrowIfCancellationRequested();
    }

    /// <inheritdoc/>
    public void Dispose() => _shown.Dispose();

    private void Present(in Shown shown)
    {
        if (shown.Recorded >= 0 && _recording.TryGetValue(shown.Recorded, out var again))
        {
            _truth.Add((shown.Time, shown.Content));
            Seen.Add(shown.Time, again);
            return;
        }
        var renderer = shown.Canned ? _footage.Value : _live;
        var number = shown.State.Moment + (int)(shown.Time * CodeLaw.Rate);
        renderer.Draw(shown.State, number, _picture);
        if (shown.Second is { } second && shown.Blend > 0)
        {
            renderer.Draw(second, number, _second);
            _look.Apply(_picture, shown.Prompt, shown.Reseed);
            _look.Apply(_second, shown.Prompt, shown.Reseed);
            TensorPrimitives.Lerp(_picture.Y, _second.Y, shown.Blend, _picture.Y);
            TensorPrimitives.Lerp(_picture.U, _second.U, shown.Blend, _picture.U);
            TensorPrimitives.Lerp(_picture.V, _second.V, shown.Blend, _picture.V);
        }
        else if (shown.Filtered)
        {
            Filter();
        }
        else if (shown.Plain)
        {
            Coded();
        }
        else
        {
            _look.Apply(_picture, shown.Prompt, shown.Reseed);
        }
        if (shown.LumaOf >= 0)
        {
            _live.Draw(Plan.Frames[Math.Min(shown.LumaOf, Plan.Frames.Count - 1)], shown.LumaOf, _second);
            TensorPrimitives.Multiply(_picture.Y, TensorPrimitives.Sum<float>(_second.Y) / _second.Y.Length / 112, _picture.Y);
        }
        if (shown.Laid >= 0)
            LayOver(shown);
        TensorPrimitives.Clamp(_picture.Y, 0f, 255f, _picture.Y);
        if (shown.Recorded >= 0)
        {
            var kept = Picture.ForAnalysis();
            kept.CopyFrom(_picture);
            _recording.Add(shown.Recorded, kept);
        }
        _truth.Add((shown.Time, shown.Content));
        Seen.Add(shown.Time, _picture);
    }

    private void LayOver(in Shown shown)
    {
        var frame = Math.Min(shown.Laid, Plan.Frames.Count - 1);
        _live.Draw(Plan.Frames[frame], frame, _second);
        if (shown.LaidEdges)
        {
            const int Width = Picture.AnalysisWidth;
            for (var k = Width + 1; k < _picture.Y.Length - Width - 1; k++)
            {
                var edge = Math.Abs(_second.Y[k + 1] - _second.Y[k - 1]) + Math.Abs(_second.Y[k + Width] - _second.Y[k - Width]);
                _picture.Y[k] *= 1 - shown.LaidShare * Math.Min(1, edge / 60);
            }
            return;
        }
        TensorPrimitives.Lerp(_picture.Y, _second.Y, shown.LaidShare, _picture.Y);
        TensorPrimitives.Lerp(_picture.U, _second.U, shown.LaidShare, _picture.U);
        TensorPrimitives.Lerp(_picture.V, _second.V, shown.LaidShare, _picture.V);
    }

    /// <summary>Adds the noise of a codec: errors of a few grey levels in blocks of four, stronger in chroma.</summary>
    private void Coded()
    {
        const int Width = Picture.AnalysisWidth;
        foreach (var (plane, error) in new[] { (_picture.Y, 4f), (_picture.U, 2f), (_picture.V, 2f) })
        {
            for (var top = 0; top < Picture.AnalysisHeight; top += 4)
            {
                for (var left = 0; left < Width; left += 4)
                {
                    var off = (float)_overlay.NextDouble(-error, error);
                    for (var y = top; y < Math.Min(Picture.AnalysisHeight, top + 4); y++)
                        TensorPrimitives.Add(plane.AsSpan(y * Width + left, 4), off, plane.AsSpan(y * Width + left, 4));
                }
            }
        }
    }

    private void Filter()
    {
        for (var k = 0; k < _picture.Y.Length; k++)
        {
            var y = _picture.Y[k] / 255;
            _picture.Y[k] = 255 * (0.15f + 0.8f * y * y * (3 - 2 * y));
            _picture.U[k] = 128 + 1.3f * (_picture.U[k] - 128) - 12;
            _picture.V[k] = 128 + 0.8f * (_picture.V[k] - 128) + 15;
        }
        for (var spark = 0; spark < 40; spark++)
            _picture.Y[_overlay.NextInt(_picture.Y.Length)] = 250;
    }
}
