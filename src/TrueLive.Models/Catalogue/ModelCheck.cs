using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Graphs;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Catalogue;

/// <summary>What a step costs at a size.</summary>
/// <param name="Width">Width of the model's picture.</param>
/// <param name="Height">Height of the model's picture.</param>
/// <param name="MedianMs">Median time of a step in milliseconds, colour conversion included; codecs and scaling are not.</param>
/// <param name="Frames">Number of steps measured.</param>
public sealed record SizeTiming(int Width, int Height, double MedianMs, int Frames)
{
    /// <summary>Frames a second that one session can reach on this machine when nothing else runs.</summary>
    public double LiveFps => 1000 / MedianMs;
}

/// <summary>Statistics of the model's output before its conversion to a picture.</summary>
/// <param name="Min">Smallest finite number.</param>
/// <param name="Max">Largest finite number.</param>
/// <param name="NotFinite">How many were NaN or infinite.</param>
/// <param name="Outside">Share outside the range that the manifest declares, 0..1.</param>
/// <param name="Count">How many numbers there were.</param>
public sealed record OutputNumbers(double Min, double Max, long NotFinite, double Outside, long Count);

/// <summary>Whether a model's memory has an effect.</summary>
/// <param name="States">Number of state tensors.</param>
/// <param name="Bytes">Size of a captured memory.</param>
/// <param name="Difference">Mean luma difference (0..255) between a frame made with the memory and the same frame after a reset.</param>
/// <param name="GoesOn">True when another session with the captured memory makes the same next frame, byte for byte.</param>
public sealed record MemoryFinding(int States, int Bytes, double Difference, bool GoesOn);

/// <summary>What a check of a model on real frames found.</summary>
/// <param name="Threads">Threads that a step uses.</param>
/// <param name="Timings">Cost at each size.</param>
/// <param name="Output">Statistics over all frames; null for a model that runs in another process.</param>
/// <param name="Memory">Null for a model without states.</param>
/// <param name="Findings">What the user should look into; empty when nothing is wrong.</param>
/// <param name="Before">The last frame that went in; the caller disposes it.</param>
/// <param name="After">What came out for it; the caller disposes it.</param>
public sealed record ModelCheckReport(int Threads, IReadOnlyList<SizeTiming> Timings, OutputNumbers? Output, MemoryFinding? Memory,
    IReadOnlyList<string> Findings, VideoFrame Before, VideoFrame After) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        Before.Dispose();
        After.Dispose();
    }
}

/// <summary>Runs a model on real frames and reports what it found.</summary>
public static class ModelCheck
{
    private static readonly TimeSpan MaxTimeOfSize = TimeSpan.FromSeconds(4);

    /// <summary>Runs the check; takes some seconds.</summary>
    /// <param name="model">The model to check.</param>
    /// <param name="frames">At least two frames of a moving picture, all of one size.</param>
    /// <param name="sizes">Sizes to time; each is replaced by the nearest one that the model takes.</param>
    /// <param name="text">Prompt during the check.</param>
    /// <param name="time">Clock.</param>
    /// <exception cref="ModelStepException">The model failed on a frame.</exception>
    public static ModelCheckReport Run(
        FolderModel model, IReadOnlyList<VideoFrame> frames, IEnumerable<(int Width, int Height)> sizes, string text, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(frames.Count, 2);
        var findings = new List<string>();
        var prompt = new Prompt(1, text, 1, TimeSpan.Zero, model.Read(text));
        if (!prompt.Reading.Understood)
            findings.Add($"The prompt '{text}' was not understood: {prompt.Reading.Note}");
        if (model.Note is { } note)
            findings.Add(note);
        var timings = sizes.Select(s => model.Info.Sizes.Nearest(s.Width, s.Height)).Distinct()
            .Select(s => Time(model, frames, s, prompt, time)).ToArray();

        var (width, height) = model.Info.Sizes.Nearest(frames[0].Width, frames[0].Height);
        using var session = model.Open(width, height);
        using var second = model.Open(width, height);
        var numbers = model.Manifest.Output is { } spec ? new Numbers(spec) : null;
        var made = new MadeFrame[model.Info.Chunk.Gives];
        VideoFrame? after = null;
        try
        {
            foreach (var frame in frames.SkipLast(1))
            {
                var count = session.Step(frame, prompt, made);
                foreach (var one in made.AsSpan(0, count))
                    one.Frame.Dispose();
                if (count > 0 && session is FolderModelSession own)
                    numbers?.Add(own.Result);
            }
            var memory = session.Capture();
            after = session.StepLast(frames[^1], prompt);
            if (session is FolderModelSession ours)
                numbers?.Add(ours.Result);
            second.Restore(memory);
            using var again = second.StepLast(frames[^1], prompt);
            session.Reset();
            using var fresh = session.StepLast(frames[^1], prompt);
            var finding = model.Manifest.States.Length == 0 && !(model is CommandModel && model.Info.HasMemory) ? null
                : new MemoryFinding(model.Manifest.States.Length, memory.Bytes.Length, Math.Round(Difference(after, fresh), 3),
                    Difference(after, again) == 0);
            var output = numbers?.Sum();
            Judge(model, output, finding, after, again, findings);
            return new ModelCheckReport(model.Threads, timings, output, finding, findings, frames[^1].Retain(), after);
        }
        catch
        {
            after?.Dispose();
            throw;
        }
    }

    private static SizeTiming Time(
        FolderModel model, IReadOnlyList<VideoFrame> frames, (int Width, int Height) size, Prompt prompt, TimeProvider time)
    {
        using var session = model.CreateSession(size.Width, size.Height);
        var pool = new FramePool("model check", frames.Count);
        var scaler = new FrameScaler(frames[0].Width, frames[0].Height, size.Width, size.Height);
        var (takes, gives) = (model.Info.Chunk.Takes, model.Info.Chunk.Gives);
        var made = new MadeFrame[gives];
        var times = new List<double>();
        var began = time.GetTimestamp();
        var chunk = 0.0;
        for (var i = 0; times.Count == 0 || (i < frames.Count && time.GetElapsedTime(began) <= MaxTimeOfSize); i++)
        {
            using var input = pool.Rent(size.Width, size.Height);
            scaler.Scale(frames[i % frames.Count], input);
            var from = time.GetTimestamp();
            var count = session.Step(input, prompt with { Revision = i }, made);
            chunk += time.GetElapsedTime(from).TotalMilliseconds;
            foreach (var one in made.AsSpan(0, count))
                one.Frame.Dispose();
            if (i % takes == takes - 1)
            {
                times.Add(chunk / gives);
                chunk = 0;
            }
        }
        times.Sort();
        return new SizeTiming(size.Width, size.Height, Math.Round(times[times.Count / 2], 2), times.Count);
    }

    private static void Judge(
        FolderModel model, OutputNumbers? output, MemoryFinding? memory, VideoFrame after, VideoFrame again, List<string> findings)
    {
        if (output is not null)
            JudgeNumbers(model.Manifest.Output!, output, findings);
        if (memory is { Difference: 0 })
            findings.Add("The states change nothing: a frame with the memory of those before it is the same as one without.");
        if (memory is { GoesOn: false })
            findings.Add("A session that goes on from a captured memory makes another picture: something is remembered that is no state, " +
                "or the network is not deterministic.");
        if (memory is null && Difference(after, again) != 0)
            findings.Add("The same frame gives another picture the second time: the network is not deterministic.");
    }

    private static void JudgeNumbers(OutputSpec spec, OutputNumbers output, List<string> findings)
    {
        if (output.NotFinite > 0)
            findings.Add($"{output.NotFinite} of {output.Count} numbers of '{spec.Name}' are NaN or infinite. They are shown as black or " +
                "white, and a memory that holds one is lost.");
        if (spec.Role != OutputRole.Data)
        {
            var range = Numbers.RangeOf(spec);
            if (output.Outside > 0.25)
                findings.Add($"{output.Outside:P0} of '{spec.Name}' lies outside output.range [{string.Join(", ", spec.Range)}] and is " +
                    $"cut off; it runs from {output.Min:0.###} to {output.Max:0.###}. Is the range right?");
            else if (output.Max - output.Min < 0.05 * (range.High - range.Low))
                findings.Add($"'{spec.Name}' only runs from {output.Min:0.###} to {output.Max:0.###} of output.range " +
                    $"[{string.Join(", ", spec.Range)}]. Is the range right?");
        }
        else
        {
            findings.Add($"output.role is data: '{spec.Name}' is no picture, so viewers see the input unchanged.");
        }
    }

    private static double Difference(VideoFrame a, VideoFrame b)
    {
        long sum = 0;
        for (var y = 0; y < a.Height; y++)
        {
            var one = a.Y.Slice(y * a.StrideY, a.Width);
            var two = b.Y.Slice(y * b.StrideY, b.Width);
            for (var x = 0; x < one.Length; x++)
                sum += Math.Abs(one[x] - two[x]);
        }
        return (double)sum / (a.Width * a.Height);
    }

    private sealed class Numbers(OutputSpec spec)
    {
        private readonly (double Low, double High) _range = RangeOf(spec);
        private float[] _values = [];
        private double _min = double.PositiveInfinity;
        private double _max = double.NegativeInfinity;
        private long _notFinite;
        private long _outside;
        private long _count;

        /// <summary>The declared range, normalised by mean and deviation, over all channels, widened by a twentieth on each side.</summary>
        public static (double Low, double High) RangeOf(OutputSpec spec)
        {
            var ends = spec.Range.SelectMany(r => spec.Role == OutputRole.Image
                ? Enumerable.Range(0, 3).Select(c => (double)((r - spec.Mean[c]) / spec.Std[c]))
                : [r]).ToArray();
            var margin = (ends.Max() - ends.Min()) / 20;
            return (ends.Min() - margin, ends.Max() + margin);
        }

        public void Add(TensorBuffer result)
        {
            if (_values.Length != result.Count)
                _values = new float[result.Count];
            result.Read(_values);
            _count += _values.Length;
            foreach (var value in _values)
            {
                if (!float.IsFinite(value))
                {
                    _notFinite++;
                    continue;
                }
                (_min, _max) = (Math.Min(_min, value), Math.Max(_max, value));
                if (value < _range.Low || value > _range.High)
                    _outside++;
            }
        }

        public OutputNumbers Sum() =>
            new(_count > _notFinite ? _min : double.NaN, _count > _notFinite ? _max : double.NaN, _notFinite,
            (double)_outside / Math.Max(1, _count), _count);
    }
}
