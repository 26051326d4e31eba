using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>One stream of a <see cref="MaskedModel"/>: the model's own session, and the mask on what it hands out.</summary>
internal sealed partial class MaskedSession(MaskedModel owner, IModelSession session, TimeProvider time) : IModelSession
{
    private const int MaxTaken = 2 * Chunk.MaxFrames;

    private static readonly FramePool Outputs = new("masked output", 32);

    private readonly FramePool _fitted = new("mask input", owner.Model.Info.Chunk.Held + 4);
    private readonly List<TakenFrame> _taken = [];
    private readonly Chunk _chunk = owner.Model.Info.Chunk;
    private readonly bool _holds = owner.Model.Info.Chunk is { Held: > 0 } or { Gives: > 1 };
    private MaskWish _wish = MaskWish.None;
    private FrameScaler? _scaler;
    private PersonMask? _persons;
    private MaskBlend? _blend;
    private long _spent;

    public int Width => session.Width;

    public int Height => session.Height;

    public int Step(VideoFrame input, Prompt prompt, Span<MadeFrame> made)
    {
        var wish = WishOf(prompt);
        if (wish.Keep.IsEmpty && !_holds)
        {
            _persons?.Forget();
            return session.Step(input, wish.Inner, made);
        }
        _spent = 0;
        var taken = Take(input, wish, steadied: true);
        int count;
        try
        {
            count = session.Step(input, wish.Inner, made);
        }
        catch
        {
            taken.Dispose();
            throw;
        }
        if (_taken.Count >= MaxTaken)
            Drop(1);
        _taken.Add(taken);
        if (taken.Mask is null)
            _persons?.Forget();
        else
            _persons!.Keep();
        return Finish(made[..count]);
    }

    public int Flush(Span<MadeFrame> made)
    {
        _spent = 0;
        return Finish(made[..session.Flush(made)]);
    }

    public MadeFrame? Cover(VideoFrame input, Prompt prompt)
    {
        var wish = WishOf(prompt);
        if (wish.Keep.IsEmpty || wish.Keep.Rest == MaskRest.Camera)
            return null;
        _spent = 0;
        using var taken = Take(input, wish, steadied: false);
        return Timed(Blend(new MadeFrame(input, input.Ticket), taken, wish));
    }

    public void Reset()
    {
        Drop(_taken.Count);
        _persons?.Forget();
        session.Reset();
    }

    public void Dispose()
    {
        Drop(_taken.Count);
        _persons?.Dispose();
        _blend?.Dispose();
        session.Dispose();
    }

    private PersonMask Persons => _persons ??= new PersonMask(Width, Height);

    // Models compare prompts by reference, so one prompt stays one.
    private MaskWish WishOf(Prompt prompt)
    {
        if (!ReferenceEquals(prompt, _wish.Prompt))
            _wish = MaskWish.Of(prompt, owner.Model.Info.Parameters);
        return _wish;
    }

    // The camera is kept without a mask as well: the picture of a frame that is held may be made under a later prompt, which has one.
    private TakenFrame Take(VideoFrame input, MaskWish wish, bool steadied)
    {
        var began = time.GetTimestamp();
        var camera = Fit(input);
        if (wish.Keep.IsEmpty)
            return new TakenFrame(input.Ticket.SourceSequence, wish, camera, null, 0);
        try
        {
            var mask = Persons.Of(camera, steadied, out var share);
            _spent += time.GetTimestamp() - began;
            return new TakenFrame(input.Ticket.SourceSequence, wish, camera, mask, share);
        }
        catch
        {
            camera.Dispose();
            throw;
        }
    }

    private VideoFrame Fit(VideoFrame input)
    {
        if ((input.Width, input.Height) == (Width, Height))
            return input.Retain();
        if (_scaler is null || (_scaler.FromWidth, _scaler.FromHeight) != (input.Width, input.Height))
            _scaler = new FrameScaler(input.Width, input.Height, Width, Height);
        var scaled = _fitted.Rent(Width, Height);
        _scaler.Scale(input, scaled);
        return scaled;
    }

    private int Finish(Span<MadeFrame> made)
    {
        try
        {
            foreach (ref var one in made)
                one = Masked(one);
        }
        catch
        {
            // Nothing is handed out.
            foreach (var one in made)
                one.Frame.Dispose();
            throw;
        }
        foreach (ref var one in made)
            one = Timed(one);
        if (!_holds)
            Drop(_taken.Count);
        return made.Length;
    }

    // Takes over the picture, unless it throws.
    private MadeFrame Masked(MadeFrame look)
    {
        var wish = WishOfRevision(look.Ticket.PromptRevision);
        var at = _taken.Count - 1;
        while (at >= 0 && _taken[at].Source != look.Ticket.SourceSequence)
            at--;
        var masked = look;
        if (!wish.Keep.IsEmpty)
        {
            masked = Blend(look, at < 0 ? null : _taken[at], wish);
            look.Frame.Dispose();
        }
        // A model that makes more frames than it takes may make another one of the same.
        Drop(_chunk.Gives > _chunk.Takes ? Math.Max(at, 0) : at + 1);
        return masked;
    }

    // A picture may be made under a prompt that came after its frame.
    private MaskWish WishOfRevision(long revision)
    {
        foreach (var one in _taken)
        {
            if (one.Wish.Prompt.Revision == revision)
                return one.Wish;
        }
        return _wish;
    }

    // Of a frame that was inside the model when a memory was copied without it, nothing is known but what was made of it.
    private MadeFrame Blend(MadeFrame look, TakenFrame? taken, MaskWish wish)
    {
        var began = time.GetTimestamp();
        var (camera, share) = (taken?.Camera ?? look.Frame, taken?.Share ?? 0);
        using var mask = taken?.Mask?.Retain() ?? Persons.Of(camera, steadied: false, out share);
        var output = Outputs.Rent(Width, Height);
        (_blend ??= new MaskBlend(Width, Height)).Apply(look.Frame, camera, mask, wish, output);
        _spent += time.GetTimestamp() - began;
        return new MadeFrame(output, look.Ticket with
        {
            Origin = look.Ticket.Origin == FrameOrigin.PassedThrough ? FrameOrigin.Generated : look.Ticket.Origin,
            Mask = new FrameMask(wish.On, wish.Rest, share, 0),
        });
    }

    // The time of a step is that of all its frames, and the mask's is a part of it.
    private MadeFrame Timed(MadeFrame made) => made.Ticket.Mask is { } mask
        ? made with { Ticket = made.Ticket with { Mask = mask with { Ticks = _spent } } }
        : made;

    private void Drop(int count)
    {
        for (var i = 0; i < count; i++)
            _taken[i].Dispose();
        _taken.RemoveRange(0, count);
    }
}
