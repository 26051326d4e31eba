using System.Collections;
using TrueLive.Core.Models;
using TrueLive.Models.Masks;

namespace TrueLive.Models.Tests.Masks;

/// <summary>What a model with a mask says of itself while the model learns more of itself.</summary>
public sealed class MaskedInfoTests
{
    [Fact]
    public void Whoever_asks_while_a_model_tells_more_of_itself_gets_what_it_tells()
    {
        using var model = new Learning();
        var masked = MaskedModel.Of(model, TimeProvider.System);
        Chunk? meanwhile = null;
        model.Info = model.Info with
        {
            Chunk = new Chunk(4, 4, 0),
            Parameters = new ReadOnce(() => meanwhile = masked.Info.Chunk),
        };
        Assert.Equal(model.Info.Chunk, masked.Info.Chunk);
        Assert.Equal(model.Info.Chunk, meanwhile);
    }

    /// <summary>An empty list that calls when it is first read, as if another thread asked just then.</summary>
    private sealed class ReadOnce(Action read) : IReadOnlyList<ModelParameter>
    {
        private Action? _read = read;

        public int Count => 0;

        public ModelParameter this[int index] => throw new ArgumentOutOfRangeException(nameof(index));

        public IEnumerator<ModelParameter> GetEnumerator()
        {
            Interlocked.Exchange(ref _read, null)?.Invoke();
            return Enumerable.Empty<ModelParameter>().GetEnumerator();
        }

        IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
    }

    private sealed class Learning : IVideoModel
    {
        public ModelInfo Info { get; set; } = new("learning", "1", "Learning", "", false, false, new ModelSizes(16, 4096, 2), []);

        public PromptReading Read(string text) => PromptReading.Empty;

        public IModelSession CreateSession(int width, int height) => throw new NotSupportedException();

        public void Dispose()
        {
        }
    }
}
