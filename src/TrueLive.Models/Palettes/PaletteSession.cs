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
    private readonly MovingMoments _moments = new();
    private readonly double[] _rows = new double[12];
    private PaletteWish _wish = PaletteWish.None;

    // Whose palette is in force, also while it fades out.
    private string _picture = "";

    public int Width => session.Width;

    public int Height => session.Height;

    public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        var wish = ReferenceEquals(prompt, _wish.Prompt) ? _wish : PaletteWish.Of(prompt, owner.Model.Info.Parameters, _wish);
        var count = session.Step(input, wish.Inner, made);
        if (_holds && !ReferenceEquals(wish, _wish))
        {
            if (_wishes.Count >= MaxWishes)
                _wishes.RemoveAt(0);
            _wishes.Add(wish);
        }
        _wish = wish;
        return Grade(made[..count]);
    }

    public int Flush(Span<MadeFrame> made) => Grade(made[..session.Flush(made)]);

    public MadeFrame? Cover(VideoFrame input, Prompt prompt) => session.Cover(input, prompt);

    public void Reset()
    {
        session.Reset();
        _wishes.Clear();
        _style.Reset();
        _moments.Forget();
        _picture = "";
    }

    public void Dispose() => session.Dispose();

    private int Grade(Span<MadeFrame> made)
    {
        foreach (ref var one in made)
            one = Graded(one, WishOf(one.Ticket.PromptRevision));
        return made.Length;
    }

    private PaletteWish WishOf(long revision)
    {
        while (_wishes.Count > 1 && _wishes[0].Prompt.Revision < revision)
            _wishes.RemoveAt(0);
        // Of frames from before those of which something is known, a copy of the memory would have told a palette.
        return _wishes.Count == 0 ? _wish : _wishes[0].Prompt.Revision == revision ? _wishes[0] : PaletteWish.None;
    }

    private MadeFrame Graded(MadeFrame look, PaletteWish wish)
    {
        var style = _style.At(wish.Aim, look.Ticket.Captured);
        _picture = wish.Palette?.Picture ?? _picture;
        if (style[0] <= 0)
        {
            _moments.Forget();
            return look;
        }
        var began = time.GetTimestamp();
        var frame = look.Frame;
        if (_moments.With(frame, look.Ticket.Captured) is not { } source)
            return look with { Ticket = look.Ticket with { Palette = new FramePalette(_picture, 0, time.GetTimestamp() - began) } };
        PaletteGrade.Fill(source, PaletteWish.Moments(style), style[0], _rows);
        var output = Outputs.Rent(frame.Width, frame.Height);
        (output.Colour, output.Ticket) = (frame.Colour, frame.Ticket);
        new ColourGrade(_rows).Apply(frame, output);
        var origin = look.Ticket.Origin == FrameOrigin.PassedThrough ? FrameOrigin.Generated : look.Ticket.Origin;
        frame.Dispose();
        return new MadeFrame(output, look.Ticket with
        {
            Origin = origin,
            Palette = new FramePalette(_picture, style[0], time.GetTimestamp() - began),
        });
    }
}
