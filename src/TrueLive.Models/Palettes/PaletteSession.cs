using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Models.Grading;
using TrueLive.Models.Prompts;

namespace TrueLive.Models.Palettes;

/// <summary>One stream of a <see cref="PaletteModel"/>: the model's own session, and the grade of what it hands out.</summary>
internal sealed partial class PaletteSession(PaletteModel owner, IModelSession session, TimeProvider time) : IModelSession
{
    // Prompts whose frames are still inside the model.
    private const int MaxWishes = 2 * Chunk.MaxFrames;

    private static readonly FramePool Outputs = new("palette output", 32);

    private readonly bool _holds = owner.Model.Info.Chunk is { Held: > 0 } or { Gives: > 1 };
    private readonly List<PaletteWish> _wishes = [];
    private readonly StyleTransition _style = new(new float[PaletteWish.Length], static reading => reading.Style);
    private readonly Adjuster _adjuster = new(session.Width, session.Height);
    private readonly double[] _rows = new double[12];
    private MovingMoments _moments = new();
    private PaletteWish _wish = PaletteWish.None;
    private long _spent;

    // Whose palette is in force, also while it fades out.
    private string _picture = "";

    public int Width => session.Width;

    public int Height => session.Height;

    public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        var began = time.GetTimestamp();
        var wish = ReferenceEquals(prompt, _wish.Prompt) ? _wish : PaletteWish.Of(prompt, owner.Model.Info.Parameters, _wish);
        _spent = time.GetTimestamp() - began;
        var count = session.Step(input, wish.Inner, made);
        if (_holds && !ReferenceEquals(wish, _wish))
        {
            // One that a memory told of is there already.
            if (_wishes.Count > 0 && _wishes[^1].Prompt.Revision == prompt.Revision)
                _wishes.RemoveAt(_wishes.Count - 1);
            if (_wishes.Count >= MaxWishes)
                _wishes.RemoveAt(0);
            _wishes.Add(wish);
        }
        _wish = wish;
        return Grade(made[..count]);
    }

    public int Flush(Span<MadeFrame> made)
    {
        _spent = 0;
        return Grade(made[..session.Flush(made)]);
    }

    public MadeFrame? Cover(VideoFrame input, Prompt prompt) => session.Cover(input, prompt);

    public void Reset()
    {
        session.Reset();
        _wishes.Clear();
        _wish = PaletteWish.None;
        _style.Reset();
        _adjuster.Reset();
        _moments.Forget();
        _picture = "";
    }

    public void Dispose() => session.Dispose();

    private int Grade(Span<MadeFrame> made)
    {
        try
        {
            foreach (ref var one in made)
                one = Graded(one, WishOf(one.Ticket.PromptRevision));
        }
        catch
        {
            // Nothing is handed out.
            foreach (var one in made)
                one.Frame.Dispose();
            throw;
        }
        // The time of a step is that of all its frames, and the palette's is a part of it.
        foreach (ref var one in made)
        {
            if (one.Ticket.Palette is { } palette)
                one = one with { Ticket = one.Ticket with { Palette = palette with { Ticks = _spent } } };
        }
        return made.Length;
    }

    private PaletteWish WishOf(long revision)
    {
        while (_wishes.Count > 1 && _wishes[0].Prompt.Revision < revision)
            _wishes.RemoveAt(0);
        // Of frames from before those of which something is known, a copy of the memory would have told a palette.
        return _wishes.Count == 0 ? _wish : _wishes[0].Prompt.Revision == revision ? _wishes[0] : PaletteWish.None;
    }

    // Takes over the picture, unless it throws.
    private MadeFrame Graded(MadeFrame look, PaletteWish wish)
    {
        var (frame, captured, began) = (look.Frame, look.Ticket.Captured, time.GetTimestamp());
        var style = _style.At(wish.Aim, captured);
        if (style[0] <= 0)
        {
            // The adjustments are the model's own, and here there are none.
            _adjuster.Apply(frame, wish.Aim, captured);
            _moments.Forget();
            _picture = wish.Palette?.Picture ?? "";
            return look;
        }
        _picture = wish.Palette?.Picture ?? _picture;
        var source = _moments.With(frame, captured, wish.Prompt);
        var strength = source is null ? 0 : style[0];
        PaletteGrade.Fill(source ?? default, PaletteWish.Moments(style), strength, _rows);
        var output = Outputs.Rent(frame.Width, frame.Height);
        (output.Colour, output.Ticket) = (frame.Colour, frame.Ticket);
        new ColourGrade(_rows).Apply(frame, output);
        _adjuster.Apply(output, wish.Aim, captured);
        frame.Dispose();
        _spent += time.GetTimestamp() - began;
        return new MadeFrame(output, look.Ticket with
        {
            Origin = look.Ticket.Origin == FrameOrigin.PassedThrough ? FrameOrigin.Generated : look.Ticket.Origin,
            Palette = new FramePalette(_picture, strength, 0),
        });
    }
}
