using System.Collections.Immutable;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Grading;

/// <summary>
/// Applies the adjustments of the prompt in force to the finished pictures of a session. They fade like a look and follow the strength. A
/// picture without adjustments is not touched.
/// </summary>
internal sealed class Adjuster(int width, int height)
{
    private static readonly int Kinds = Enum.GetValues<AdjustmentKind>().Length;

    private readonly StyleTransition _amounts = new(new float[Kinds], Amounts);
    private readonly float[] _graded = new float[Kinds];
    private LumaSharpness? _sharpness;
    private ColourGrade? _grade;

    /// <summary>Length of what <see cref="Snapshot"/> gives when there is something to keep.</summary>
    public int SnapshotLength => _amounts.SnapshotLength;

    public void Apply(VideoFrame picture, Prompt prompt, TimeSpan captured)
    {
        var amounts = _amounts.At(prompt, captured);
        if (amounts[(int)AdjustmentKind.Sharpness] is not 0 and var sharpness)
            (_sharpness ??= new LumaSharpness(width, height)).Apply(picture, sharpness);
        if (amounts[..(int)AdjustmentKind.Sharpness].ContainsAnyExcept(0f))
            GradeOf(amounts).Apply(picture);
    }

    public void Reset() => _amounts.Reset();

    /// <summary>Empty while no adjustment is in force, as in memories from before there were any.</summary>
    public byte[] Snapshot() => _amounts.IsZero ? [] : _amounts.Snapshot();

    /// <param name="bytes">A snapshot.</param>
    /// <param name="begun">Whether the session had made pictures.</param>
    public void Restore(ReadOnlySpan<byte> bytes, bool begun)
    {
        if (bytes.IsEmpty)
            _amounts.Rest(begun);
        else
            _amounts.Restore(bytes);
    }

    // Made anew only while the amounts change.
    private ColourGrade GradeOf(ReadOnlySpan<float> amounts)
    {
        if (_grade is null || !amounts.SequenceEqual(_graded))
        {
            amounts.CopyTo(_graded);
            _grade = ColourGrade.Of(amounts);
        }
        return _grade.Value;
    }

    private static ImmutableArray<float> Amounts(PromptReading reading)
    {
        if (reading.Adjustments.IsEmpty)
            return [];
        var amounts = new float[Kinds];
        foreach (var adjustment in reading.Adjustments)
            amounts[(int)adjustment.Kind] = adjustment.Amount;
        return [.. amounts];
    }
}
