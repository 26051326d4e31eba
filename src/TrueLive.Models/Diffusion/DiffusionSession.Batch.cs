using System.Runtime.InteropServices;
using Microsoft.ML.OnnxRuntime;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Manifest;

namespace TrueLive.Models.Diffusion;

/// <content>
/// The stream batch: a step moves every frame in work on by a row of the schedule and hands out the picture of the oldest. A frame keeps
/// its words, its strength and its revision from its first row to its last, so that each picture was made by one prompt.
/// </content>
internal sealed partial class DiffusionSession
{
    private readonly StreamBatch<float>? _batch;

    // For each row the frame that goes through it.
    private readonly FrameInWork[] _inWork = [];
    // The same after the step that is being made.
    private readonly FrameInWork[] _moved = [];
    private readonly ScheduleRow[][] _schedules = [];
    private readonly PredictBatch<float>? _predictAll;
    private float[] _batchTimes = [];
    private float[] _batchWords = [];
    private float[] _latentsBefore = [];
    private float[] _batchStockBefore = [];

    public override int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        if (_batch is null)
        {
            _repeated = false;
            base.Step(input, prompt, made);
            if (_repeated)
                made[0] = made[0] with { Ticket = made[0].Ticket with { Origin = FrameOrigin.Repeated } };
            return 1;
        }
        if (Advance(input, prompt) is not { } one)
            return 0;
        made[0] = one;
        return 1;
    }

    public override int Flush(Span<MadeFrame> made)
    {
        var count = 0;
        while (count < made.Length && _inWork.SkipLast(1).Any(f => f.Filled))
        {
            if (Advance(null, null) is { } one)
                made[count++] = one;
        }
        return count;
    }

    // Without an input the frames in work move on, and nothing comes after them.
    private MadeFrame? Advance(VideoFrame? input, Prompt? prompt)
    {
        // The picture of the oldest was handed out, so its place is free for the newest.
        var newest = _inWork[^1];
        newest.Filled = input is not null;
        if (input is not null)
        {
            if (!ReferenceEquals(prompt, _prompt))
                (_prompt, _full) = (prompt, prompt! with { Strength = 1 });
            _words.At(_full, input.Ticket.Captured).CopyTo(newest.Words);
            if (newest.Strength != prompt!.Strength)
                (newest.Strength, newest.Rows) = (prompt.Strength, AllRows(prompt.Strength));
            (newest.Ticket, newest.Revision, newest.Colour) = (input.Ticket, prompt.Revision, input.Colour);
        }
        var frames = _moved;
        frames[0] = newest;
        _inWork.AsSpan(0, _inWork.Length - 1).CopyTo(frames.AsSpan(1));
        Denoise(input, frames);
        frames.CopyTo(_inWork, 0);
        if (!frames[^1].Filled)
            return null;
        var oldest = frames[^1];
        var output = _outputs.Rent(Width, Height);
        output.Colour = oldest.Colour;
        _result.Store(output);
        return new MadeFrame(output, oldest.Ticket with { PromptRevision = oldest.Revision, Origin = FrameOrigin.Generated });
    }

    private void Denoise(VideoFrame? input, FrameInWork[] frames)
    {
        var batch = _batch!;
        _latentsBefore = Backup(batch.Latents, _latentsBefore);
        _batchStockBefore = Backup(batch.Stock, _batchStockBefore);
        for (var row = 0; row < frames.Length; row++)
            _schedules[row] = frames[row].Rows;
        var done = false;
        _deadline.Change(MaxStep, Timeout.InfiniteTimeSpan);
        try
        {
            using var picture = input is null ? null : Fit(input);
            var latent = _numbers.AsSpan(0, _latent.Count);
            if (picture is null)
                latent.Clear();
            else
                latent = Encode(picture);
            batch.Run(latent, _schedules, _predictAll!);
            if (frames[^1].Filled)
                Decode(latent);
            done = true;
        }
        catch (OnnxRuntimeException e)
        {
            throw Failed(e);
        }
        catch (ModelStepException)
        {
            // Its numbers are not finite, and would not be at the next try: it is the frame that is lost.
            frames[^1].Filled = false;
            throw;
        }
        finally
        {
            _deadline.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _run.Terminate = false;
            if (!done)
            {
                _latentsBefore.CopyTo(batch.Latents, 0);
                _batchStockBefore.CopyTo(batch.Stock, 0);
            }
        }
    }

    private void PredictAll(ReadOnlySpan<BatchRow> asked, ReadOnlySpan<float> noisy, Span<float> predictions)
    {
        var width = _model.NoText.Length;
        if (_batchTimes.Length != asked.Length)
            (_batchTimes, _batchWords) = (new float[asked.Length], new float[asked.Length * width]);
        for (var place = 0; place < asked.Length; place++)
        {
            var frame = _moved[asked[place].Row];
            _batchTimes[place] = frame.Rows[asked[place].Row].Timestep;
            (asked[place].Prompted ? frame.Words : _model.NoText).CopyTo(_batchWords, place * width);
        }
        _unet.Run(_run, noisy, _batchTimes, _batchWords, predictions);
    }

    // As many rows at any strength: frames of different strengths share the batch.
    private ScheduleRow[] AllRows(float strength) =>
        [.. _model.Manifest.Diffusion!.Steps.Select(k => Math.Min(DiffusionSpec.Grid - 1, Moved(k, strength))).Select(_model.Schedule.At)];

    private static int Moved(int step, float strength) =>
        DiffusionSpec.Grid - (int)MathF.Round((DiffusionSpec.Grid - step) * Math.Clamp(strength, 0, 1));

    private void ForgetInWork()
    {
        _batch!.Latents.AsSpan().Clear();
        _batch.Stock.AsSpan().Clear();
        foreach (var frame in _inWork)
            frame.Filled = false;
    }

    private byte[] SaveInWork(byte[] words)
    {
        using var bytes = new MemoryStream();
        using var to = new BinaryWriter(bytes);
        to.Write(words);
        to.Write(MemoryMarshal.AsBytes(_batch!.Latents.AsSpan()));
        to.Write(MemoryMarshal.AsBytes(_batch.Stock.AsSpan()));
        foreach (var frame in _inWork)
            frame.Save(to);
        to.Flush();
        return bytes.ToArray();
    }

    private bool RecallInWork(ReadOnlySpan<byte> bytes)
    {
        var numbers = _batch!.Latents.Length * sizeof(float);
        var words = _words.SnapshotLength;
        var each = FrameInWork.SavedLength + _model.NoText.Length * sizeof(float);
        if (bytes.Length != words + 2 * numbers + _inWork.Length * each)
            return false;
        _words.Restore(bytes[..words]);
        _prompt = null;
        bytes.Slice(words, numbers).CopyTo(MemoryMarshal.AsBytes(_batch.Latents.AsSpan()));
        bytes.Slice(words + numbers, numbers).CopyTo(MemoryMarshal.AsBytes(_batch.Stock.AsSpan()));
        using var from = new BinaryReader(new MemoryStream(bytes[(words + 2 * numbers)..].ToArray()));
        foreach (var frame in _inWork)
        {
            frame.Recall(from);
            frame.Rows = AllRows(frame.Strength);
        }
        return true;
    }

    private static float[] Backup(float[] numbers, float[] into)
    {
        if (into.Length != numbers.Length)
            into = new float[numbers.Length];
        numbers.CopyTo(into, 0);
        return into;
    }

    /// <summary>A frame on its way through the rows.</summary>
    private sealed class FrameInWork(float[] words, ScheduleRow[] rows)
    {
        /// <summary>Bytes of a saved one but for its words.</summary>
        public const int SavedLength = 1 + 8 + 8 + 4 + 8 + 1 + 1 + 4;

        /// <summary>There is a frame, and its picture is wanted.</summary>
        public bool Filled { get; set; }

        public FrameTicket Ticket { get; set; }

        public long Revision { get; set; }

        public ColourSpace Colour { get; set; }

        public float Strength { get; set; } = 1;

        public float[] Words => words;

        public ScheduleRow[] Rows { get; set; } = rows;

        public void Save(BinaryWriter to)
        {
            to.Write(Filled);
            to.Write(Ticket.SourceSequence);
            to.Write(Ticket.Captured.Ticks);
            to.Write(Ticket.MediaTime);
            to.Write(Revision);
            to.Write((byte)Colour.Matrix);
            to.Write(Colour.FullRange);
            to.Write(Strength);
            to.Write(MemoryMarshal.AsBytes(words.AsSpan()));
        }

        public void Recall(BinaryReader from)
        {
            Filled = from.ReadBoolean();
            Ticket = new FrameTicket(from.ReadInt64(), TimeSpan.FromTicks(from.ReadInt64()), 0, from.ReadUInt32());
            Revision = from.ReadInt64();
            Colour = new ColourSpace((ColourMatrix)from.ReadByte(), from.ReadBoolean());
            Strength = from.ReadSingle();
            from.ReadExactly(MemoryMarshal.AsBytes(words.AsSpan()));
        }
    }
}
