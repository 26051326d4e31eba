using System.Runtime.InteropServices;
using TrueLive.Core.Clips;
using TrueLive.Core.Models;

namespace TrueLive.Models.Diffusion;

/// <content>Copies of a stream's memory.</content>
internal sealed partial class DiffusionSession
{
    public override ModelState Capture()
    {
        var words = _words.Snapshot();
        if (_batch is not null)
            return new ModelState(_model.Info.Id, _model.Info.Version, Width, Height, SaveInWork(words));
        using var bytes = new MemoryStream();
        using var to = new BinaryWriter(bytes);
        to.Write(words);
        to.Write(_plan.Strength);
        to.Write(_plan.Values.ToString());
        if (_plan.Walk is { } walk)
            to.Write(MemoryMarshal.AsBytes(walk.Stock.AsSpan()));
        _similar!.Save(to);
        to.Flush();
        return new ModelState(_model.Info.Id, _model.Info.Version, Width, Height, bytes.ToArray());
    }

    public override void Restore(ModelState state)
    {
        var bytes = state.Bytes.Span;
        var words = _words.SnapshotLength;
        if (state.ModelId != _model.Info.Id || state.ModelVersion != _model.Info.Version || (state.Width, state.Height) != (Width, Height)
            || bytes.Length < words)
            throw Other();
        if (_batch is not null)
        {
            if (!RecallInWork(bytes))
                throw Other();
            return;
        }
        using var from = new BinaryReader(new MemoryStream(bytes[words..].ToArray()));
        try
        {
            var strength = from.ReadSingle();
            if (!ValueSchedule.TryParse(from.ReadString(), _model.Info.Parameters, out var values, out _) || values.IsEmpty)
                throw Other();
            if (!float.IsNaN(strength))
                Plan(Math.Clamp(strength, 0, 1), values[0].Values);
            if (_plan.Walk is { } walk)
                from.ReadExactly(MemoryMarshal.AsBytes(walk.Stock.AsSpan()));
            _similar!.Recall(from);
        }
        catch (Exception e) when (e is EndOfStreamException or FormatException)
        {
            throw Other();
        }
        if (from.BaseStream.Position != from.BaseStream.Length)
            throw Other();
        _words.Restore(bytes[..words]);
        _prompt = null;

        ArgumentException Other() =>
            new($"The memory is of {state.ModelId} {state.ModelVersion} at {state.Width}x{state.Height}, not of {_model.Info.Id} " +
            $"{_model.Info.Version} at {Width}x{Height}.");
    }
}
