using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using TrueLive.Models.Threads;

namespace TrueLive.Models.Convolutions;

/// <summary>
/// The activations of one stream, and the order in which they are computed: bands of rows, layer after layer. A free thread takes the next
/// band and waits only if rows that it reads are still being computed, so that no thread idles at the end of a layer.
/// </summary>
internal sealed unsafe class ConvSession
{
    private readonly IReadOnlyList<Convolution> _convolutions;
    private readonly int _width;
    private readonly int _height;
    private readonly LayerOutput[] _outputs;
    private readonly Band[] _bands;
    // The run in which each band was last computed.
    private readonly int[] _made;
    private readonly Scratch?[] _scratch;
    private readonly SharedRows _rows;
    private readonly float* _result;
    private nint _planes;
    private Func<bool> _ended = () => false;
    private int _run;

    // Rows of a layer, and the bands that must be complete first: those that write what it reads, and those that read what it overwrites.
    private readonly record struct Band(int Layer, int Index, Range[] After);

    /// <param name="convolutions">The weights, in the order in which the layers run.</param>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    /// <param name="screenHeight">Height of the screen.</param>
    /// <param name="screenWidth">Width of the screen.</param>
    /// <param name="result">Destination of the last layer's channels, as planes; must stay pinned as long as this session is used.</param>
    /// <param name="threads">Most threads at once.</param>
    /// <param name="claim">Called with the number of bytes before memory is allocated; may throw to refuse.</param>
    public ConvSession(IReadOnlyList<Convolution> convolutions, int width, int height, int screenHeight, int screenWidth, float* result,
        int threads, Action<long> claim)
    {
        (_convolutions, _width, _height) = (convolutions, width, height);
        _result = result;
        var owners = Owners([.. convolutions.Select(c => c.Layer)]);
        var kept = new Activation[convolutions.Count];
        var scratch = convolutions.Max(c => c.ScratchLength);
        claim(threads * Scratch.Bytes(scratch) + convolutions.Where(c => c.Layer.Screened)
            .Sum(c => (long)screenHeight * screenWidth * c.Layer.Out * sizeof(float)));
        for (var i = 0; i < kept.Length; i++)
            kept[i] = owners[i] is { } owner ? kept[owner] : Keep(convolutions[i].Layer);
        _outputs = [.. convolutions.Select((c, i) => new LayerOutput(c.Layer, kept[i], c.Layer.Residual is { } r ? kept[r] : null,
            screenHeight, screenWidth))];
        var bands = new List<Band>();
        var starts = new int[convolutions.Count];
        for (var i = 0; i < convolutions.Count; i++)
        {
            starts[i] = bands.Count;
            var (convolution, layer, copies) = (convolutions[i], convolutions[i].Layer, _outputs[i].Copies);
            for (int band = 0, rows = kept[i].Height / copies, y = 0; y < rows; band++, y += convolution.BandRows)
            {
                var last = Math.Min(y + convolution.BandRows, rows) - 1;
                bands.Add(new Band(i, band, [
                    Making(layer.Input, y * layer.Stride - convolution.Reach, last * layer.Stride + convolution.Reach),
                    Making(layer.Residual ?? -1, y * copies, (last + 1) * copies - 1),
                    .. owners[i] is { } owner ? Readers(owner, i).Select(r => starts[r]..starts[r + 1]) : []]));
            }
        }
        _bands = [.. bands];
        _made = new int[_bands.Length];
        _rows = new SharedRows(_bands.Length, Make, Math.Max(1, threads - 1));
        _scratch = [.. Enumerable.Range(0, threads).Select(_ => new Scratch(scratch))];

        Activation Keep(ConvLayer layer)
        {
            claim(Activation.Bytes(width / layer.Divide, height / layer.Divide, layer.Out));
            return new Activation(width / layer.Divide, height / layer.Divide, layer.Out);
        }

        // The layers before this one that read another layer's output.
        IEnumerable<int> Readers(int layer, int before) =>
            Enumerable.Range(0, before).Where(i => convolutions[i].Layer.Input == layer || convolutions[i].Layer.Residual == layer);

        // The bands that compute these rows of a layer's output; none for the picture.
        Range Making(int layer, int first, int last)
        {
            if (layer < 0)
                return 0..0;
            var rows = convolutions[layer].BandRows * _outputs[layer].Copies;
            return (starts[layer] + Math.Max(first, 0) / rows)..(starts[layer] + Math.Min(last, kept[layer].Height - 1) / rows + 1);
        }
    }

    // The output that each layer overwrites: one of the same shape, last read at least two layers earlier so that nothing waits for it.
    private static int?[] Owners(IReadOnlyList<ConvLayer> layers)
    {
        var owners = new int?[layers.Count];
        var free = Enumerable.Range(0, layers.Count - 1).ToList();
        for (var i = 0; i < layers.Count; i++)
        {
            var found = free.FindIndex(j => (layers[j].Divide, layers[j].Out) == (layers[i].Divide, layers[i].Out) && LastRead(j) <= i - 2);
            if (found < 0)
                continue;
            owners[i] = free[found];
            free.RemoveAt(found);
        }
        return owners;

        int LastRead(int layer) =>
            Enumerable.Range(0, layers.Count).Last(i => i == layer || layers[i].Input == layer || layers[i].Residual == layer);
    }

    /// <summary>Sets the style of a layer (<see cref="LayerOutput.SetStyle"/>).</summary>
    public void SetStyle(int layer, ReadOnlySpan<float> scale, ReadOnlySpan<float> shift) => _outputs[layer].SetStyle(scale, shift);

    /// <summary>Computes the result from the picture.</summary>
    /// <param name="planes">Its planes, in pinned memory.</param>
    /// <param name="helped">Whether other threads may help.</param>
    /// <param name="ended">Called before each band; true cancels the run.</param>
    /// <exception cref="OperationCanceledException">
    /// <paramref name="ended"/> returned true; the next run starts from the beginning.
    /// </exception>
    public void Run(float* planes, bool helped, Func<bool> ended)
    {
        (_planes, _ended) = ((nint)planes, ended);
        _run++;
        _rows.Run(helped);
    }

    private void Make(int at)
    {
        var band = _bands[at];
        foreach (var bands in band.After)
            Await(bands);
        var scratch = Take();
        try
        {
            if (_ended())
                throw new OperationCanceledException();
            var convolution = _convolutions[band.Layer];
            var (layer, to) = (convolution.Layer, _outputs[band.Layer]);
            var divide = layer.Divide * to.Copies;
            if (layer.Input < 0)
                convolution.Run((float*)_planes, _width, to, _width / divide, _height / divide, band.Index, scratch);
            else
                convolution.Run(_outputs[layer.Input].To.Start, _outputs[layer.Input].To.Row, to, _width / divide, _height / divide,
                    band.Index, scratch);
            if (band.Layer == _bands[^1].Layer)
                Spread(to.To, band.Index * convolution.BandRows, convolution.BandRows);
        }
        finally
        {
            Volatile.Write(ref _made[at], _run);
            Give(scratch);
        }
    }

    private void Await(Range bands)
    {
        for (var i = bands.Start.Value; i < bands.End.Value; i++)
        {
            var wait = new SpinWait();
            while (Volatile.Read(ref _made[i]) != _run)
                wait.SpinOnce(sleep1Threshold: -1);
        }
    }

    // From interleaved channels to planes, four pixels and four channels at a time.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Spread(Activation from, int first, int rows)
    {
        nint plane = (nint)from.Width * from.Height;
        for (var y = first; y < Math.Min(first + rows, from.Height); y++)
        {
            for (var c = 0; c < from.Channels; c += 4)
            {
                var pixel = from.Start + (nint)y * from.Row + c;
                var to = _result + c * plane + (nint)y * from.Width;
                for (var x = 0; x < from.Width; x += 4, pixel += 4 * from.Channels, to += 4)
                {
                    Vector128<float> p0 = Vector128.Load(pixel), p1 = Vector128.Load(pixel + from.Channels),
                    p2 = Vector128.Load(pixel + 2 * from.Channels), p3 = Vector128.Load(pixel + 3 * from.Channels);
                    Vector128<float> low = Sse.UnpackLow(p0, p1), high = Sse.UnpackHigh(p0, p1);
                    Vector128<float> low2 = Sse.UnpackLow(p2, p3), high2 = Sse.UnpackHigh(p2, p3);
                    Sse.MoveLowToHigh(low, low2).Store(to);
                    Sse.MoveHighToLow(low2, low).Store(to + plane);
                    Sse.MoveLowToHigh(high, high2).Store(to + 2 * plane);
                    Sse.MoveHighToLow(high2, high).Store(to + 3 * plane);
                }
            }
        }
    }

    // With a helper left over from the previous run there may be more threads than buffers: it waits until one is free.
    private Scratch Take()
    {
        for (var wait = new SpinWait(); ; wait.SpinOnce(sleep1Threshold: -1))
        {
            for (var i = 0; i < _scratch.Length; i++)
            {
                if (Interlocked.Exchange(ref _scratch[i], null) is { } free)
                    return free;
            }
        }
    }

    private void Give(Scratch scratch)
    {
        for (var i = 0; ; i = (i + 1) % _scratch.Length)
        {
            if (Interlocked.CompareExchange(ref _scratch[i], scratch, null) is null)
                return;
        }
    }
}
