using System.Buffers.Binary;
using TrueLive.Core.Frames;
using TrueLive.Core.Models;

namespace TrueLive.Models.Masks;

/// <summary>One stream of a <see cref="MaskedModel"/>: the model's own session, and the mask on what it hands out.</summary>
internal sealed class MaskedSession(MaskedModel owner, IModelSession session, TimeProvider time) : IModelSession
{
    // Ends a memory that holds that of the mask as well.
    private const uint Mark = 0x314b534d;

    private static readonly FramePool Outputs = new("masked output", 32);

    private readonly FramePool _fitted = new("mask input", 4);
    private readonly List<Taken> _taken = [];
    private readonly bool _holds = owner.Info.Chunk is { Held: > 0 } or { Gives: > 1 };
    private Wish _wish = new(Prompt.None, Prompt.None, default);
    private FrameScaler? _scaler;
    private PersonMask? _persons;
    private MaskBlend? _blend;

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
        var taken = Take(input, wish);
        int count;
        try
        {
            count = session.Step(input, wish.Inner, made);
        }
        catch
        {
            _taken.Remove(taken);
            taken.Dispose();
            throw;
        }
        if (taken.Mask is null)
            _persons?.Forget();
        else
            _persons!.Keep();
        return Finish(made[..count]);
    }

    public int Flush(Span<MadeFrame> made) => Finish(made[..session.Flush(made)]);

    public MadeFrame? Cover(VideoFrame input, Prompt prompt)
    {
        var wish = WishOf(prompt);
        if (wish.Keep.IsEmpty || wish.Keep.Rest == MaskRest.Camera)
            return null;
        using var taken = Look(input, wish, steadied: false);
        return Blend(new MadeFrame(input, input.Ticket), taken, wish);
    }

    public void Reset()
    {
        Drop(_taken.Count);
        _persons?.Forget();
        session.Reset();
    }

    public ModelState Capture()
    {
        var state = session.Capture();
        if (_persons is not { Follows: true })
            return state;
        var bytes = new byte[state.Bytes.Length + _persons.SavedLength + sizeof(uint)];
        state.Bytes.CopyTo(bytes);
        _persons.Save(bytes.AsSpan(state.Bytes.Length, _persons.SavedLength));
        BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(bytes.Length - sizeof(uint)), Mark);
        return state with { Bytes = bytes };
    }

    public void Restore(ModelState state)
    {
        var marked = state.Bytes.Length >= sizeof(uint)
            && BinaryPrimitives.ReadUInt32LittleEndian(state.Bytes.Span[^sizeof(uint)..]) == Mark;
        var own = marked ? state.Bytes.Length - Persons.SavedLength - sizeof(uint) : state.Bytes.Length;
        if (own < 0)
            throw new ArgumentException($"The memory has {state.Bytes.Length} bytes, too few for that of a mask.");
        // The model refuses what is not a memory of its own, and one of another size.
        session.Restore(marked ? state with { Bytes = state.Bytes[..own] } : state);
        Drop(_taken.Count);
        if (marked)
            Persons.Recall(state.Bytes.Span[own..^sizeof(uint)]);
        else
            _persons?.Forget();
    }

    public void Dispose()
    {
        Drop(_taken.Count);
        _persons?.Dispose();
        session.Dispose();
    }

    private PersonMask Persons => _persons ??= new PersonMask(Width, Height);

    // Models compare prompts by reference, so one prompt stays one.
    private Wish WishOf(Prompt prompt)
    {
        if (!ReferenceEquals(prompt, _wish.Prompt))
        {
            var values = prompt.Values.For(owner.Model.Info.Parameters);
            _wish = new(prompt, values.Equals(prompt.Values) ? prompt : prompt with { Values = values }, KeepMask.Of(prompt));
        }
        return _wish;
    }

    private Taken Take(VideoFrame input, Wish wish)
    {
        if (_taken.Count >= 2 * Chunk.MaxFrames)
            Drop(1);
        var taken = wish.Keep.IsEmpty ? new Taken(input.Ticket.SourceSequence, wish, null, null, 0, 0)
            : Look(input, wish, steadied: true);
        _taken.Add(taken);
        return taken;
    }

    private Taken Look(VideoFrame input, Wish wish, bool steadied)
    {
        var began = time.GetTimestamp();
        var camera = Fit(input);
        try
        {
            var mask = Persons.Of(camera, steadied, out var share);
            return new Taken(input.Ticket.SourceSequence, wish, camera, mask, share, time.GetTimestamp() - began);
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
        for (var i = 0; i < made.Length; i++)
        {
            var ticket = made[i].Ticket;
            while (_taken.Count > 0 && _taken[0].Source < ticket.SourceSequence)
                Drop(1);
            var wish = WishOfRevision(ticket.PromptRevision);
            if (wish.Keep.IsEmpty)
                continue;
            using var look = made[i].Frame;
            if (_taken.Count > 0 && _taken[0] is { Mask: not null } taken && taken.Source == ticket.SourceSequence)
            {
                made[i] = Blend(made[i], taken, wish);
                continue;
            }
            // It was inside the model when its memory was copied, or came in before there was a mask: nothing is known but what was made of
            // it.
            using var late = Look(look, wish, steadied: false);
            made[i] = Blend(made[i], late, wish);
        }
        if (!_holds)
            Drop(_taken.Count);
        return made.Length;
    }

    // A picture may be made under a prompt that came after its frame.
    private Wish WishOfRevision(long revision)
    {
        foreach (var one in _taken)
        {
            if (one.Wish.Prompt.Revision == revision)
                return one.Wish;
        }
        return _wish;
    }

    private MadeFrame Blend(MadeFrame look, Taken taken, Wish wish)
    {
        var began = time.GetTimestamp();
        var output = Outputs.Rent(Width, Height);
        (_blend ??= new MaskBlend(Width, Height)).Apply(look.Frame, taken.Camera!, taken.Mask!, wish.Keep, output);
        return new MadeFrame(output, look.Ticket with
        {
            Origin = look.Ticket.Origin == FrameOrigin.PassedThrough ? FrameOrigin.Generated : look.Ticket.Origin,
            Mask = new FrameMask(wish.On, wish.Rest, taken.Share, taken.Ticks + time.GetTimestamp() - began),
        });
    }

    private void Drop(int count)
    {
        for (var i = 0; i < count; i++)
            _taken[i].Dispose();
        _taken.RemoveRange(0, count);
    }

    /// <summary>A prompt, the same without what is the mask's, and its mask.</summary>
    private sealed record Wish(Prompt Prompt, Prompt Inner, KeepMask Keep)
    {
        public string On { get; } = KeepMask.Name(Keep.On);

        public string Rest { get; } = KeepMask.Name(Keep.Rest);
    }

    /// <summary>An input whose picture is not out yet: at the session's size, with its mask; without both where none is in force.</summary>
    private sealed record Taken(long Source, Wish Wish, VideoFrame? Camera, VideoFrame? Mask, float Share, long Ticks) : IDisposable
    {
        public void Dispose()
        {
            Camera?.Dispose();
            Mask?.Dispose();
        }
    }
}
