using TrueLive.Core.Frames;
using TrueLive.Core.Models;
using TrueLive.Media.Codecs;
using TrueLive.Server.Capacity;
using TrueLive.Server.Live.Sessions;
using TrueLive.Server.Live.Transports;
using TrueLive.Server.Resources;

namespace TrueLive.Server.Previews;

/// <summary>
/// One picture with a client's frame in every look of a model, made by that model. Takes at most a third of one core, and a tenth while
/// live sessions need the cores, because it pauses between looks; makes one sheet at a time for the whole server. Thread-safe.
/// </summary>
internal sealed class LookSheet(ModelStore models, LivePrecedence live, LiveDecoders decoders, TimeProvider time)
{
    /// <summary>Width of one look on the sheet.</summary>
    public const int CellWidth = 192;

    /// <summary>Height of one look on the sheet.</summary>
    public const int CellHeight = 108;

    /// <summary>Looks in a row.</summary>
    public const int Columns = 6;

    private const int Quality = 82;

    // The pause after each look, as a multiple of the time that it took.
    private const int Rest = 2;
    private const int RestBesideLive = 9;

    private int _making;

    /// <summary>The sheet as JPEG, with the looks row by row in the model's order.</summary>
    /// <param name="modelId">Null takes the default model.</param>
    /// <param name="jpeg">The client's frame.</param>
    /// <param name="cancel">Ends the work between two looks.</param>
    /// <exception cref="RequestRefusedException">Unknown model, model without looks, no picture (400), or another sheet is being made
    /// (429).</exception>
    public async Task<LookSheetPicture> MakeAsync(string? modelId, ReadOnlyMemory<byte> jpeg, CancellationToken cancel)
    {
        var model = models.Find(modelId) ?? throw new RequestRefusedException(400, $"There is no model '{modelId}'.");
        var looks = model.Info.Looks;
        if (looks.Count == 0)
            throw new RequestRefusedException(400, $"{model.Info.Title} has no looks.");
        if (Interlocked.Exchange(ref _making, 1) == 1)
            throw new RequestRefusedException(429, "Another sheet of looks is being made; ask again in a few seconds.");
        try
        {
            return await Task.Run(() => MakeAsync(model, jpeg, cancel), cancel).ConfigureAwait(false);
        }
        finally
        {
            Volatile.Write(ref _making, 0);
        }
    }

    private async Task<LookSheetPicture> MakeAsync(IVideoModel model, ReadOnlyMemory<byte> jpeg, CancellationToken cancel)
    {
        var looks = model.Info.Looks;
        var rows = (looks.Count + Columns - 1) / Columns;
        var pool = new FramePool("look sheet", 4);
        using var codec = new JpegCodec();
        using var input = await DecodeAsync(codec, jpeg, pool, cancel).ConfigureAwait(false)
            ?? throw new RequestRefusedException(400, "The body is not a JPEG picture.");
        var (width, height) = model.Info.Sizes.Nearest(CellWidth, CellHeight);
        using var session = model.CreateSession(width, height);
        var scaler = new FrameScaler(session.Width, session.Height, CellWidth, CellHeight);
        using var cell = pool.Rent(CellWidth, CellHeight);
        using var sheet = pool.Rent(Columns * CellWidth, rows * CellHeight);
        sheet.Y.Clear();
        sheet.U.Fill(128);
        sheet.V.Fill(128);
        for (var i = 0; i < looks.Count; i++)
        {
            var began = time.GetTimestamp();
            session.Reset();
            var prompt = new Prompt(i + 1, looks[i].Id, 1, TimeSpan.Zero, model.Read(looks[i].Id));
            using (var made = session.StepLast(input, prompt))
                scaler.Scale(made, cell);
            sheet.Colour = cell.Colour;
            Copy(cell, sheet, i % Columns * CellWidth, i / Columns * CellHeight);
            await Task.Delay((live.LiveHasCores ? RestBesideLive : Rest) * time.GetElapsedTime(began), time, cancel).ConfigureAwait(false);
        }
        using var converted = new JpegColour().Convert(sheet);
        return new LookSheetPicture(codec.Encode(converted, Quality).ToArray(), Columns, rows, looks.Count);
    }

    private async ValueTask<VideoFrame?> DecodeAsync(JpegCodec codec, ReadOnlyMemory<byte> jpeg, FramePool pool, CancellationToken cancel)
    {
        using var decoder = decoders.ForPicture("a sheet of looks");
        if (decoder is null)
            return codec.Decode(jpeg.Span, pool);
        var coded = new EncodedFrame { Codec = VideoCodec.Jpeg, Data = jpeg.Span, KeyFrame = true, RtpTime = 0 };
        return await decoder.DecodeAsync(coded, pool, cancel).ConfigureAwait(false) ?? (decoder.Trouble is null ? null
            : throw new RequestRefusedException(503, "The process that decodes the picture ended. Ask again, or send another picture."));
    }

    private static void Copy(VideoFrame from, VideoFrame to, int left, int top)
    {
        for (var y = 0; y < from.Height; y++)
            from.Y.Slice(y * from.StrideY, from.Width).CopyTo(to.Y[((top + y) * to.StrideY + left)..]);
        for (var y = 0; y < from.ChromaHeight; y++)
        {
            var at = (top / 2 + y) * to.StrideC + left / 2;
            from.U.Slice(y * from.StrideC, from.ChromaWidth).CopyTo(to.U[at..]);
            from.V.Slice(y * from.StrideC, from.ChromaWidth).CopyTo(to.V[at..]);
        }
    }
}

/// <summary>A sheet of looks.</summary>
internal sealed record LookSheetPicture(byte[] Jpeg, int Columns, int Rows, int Count);
