using Gemma2.Backend.Config;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Tensors.Codecs;

namespace Gemma2.Backend.Tests.Model;

public sealed class KvCacheTests
{
    [Theory]
    [InlineData(100)]
    [InlineData(250)]
    [InlineData(1000)]
    [InlineData(100_000)]
    public void Place_SizesOfEveryKind_FillBuffersWithoutOverlap(long most)
    {
        long[] bytes = [32, 96, 32, 160, 32, 32, 1600, 64, 96];

        (long[] sizes, (int Buffer, long Offset)[] places) = KvCache.Place(bytes, most);

        Assert.Equal(bytes.Sum(), sizes.Sum());
        for (int i = 0; i < bytes.Length; i++)
        {
            (int buffer, long offset) = places[i];
            Assert.Equal(places.Take(i).Select((place, j) => place.Buffer == buffer ? bytes[j] : 0).Sum(), offset);
            Assert.True(sizes[buffer] <= most || sizes[buffer] == bytes[i]);
            if (i > 0) Assert.InRange(buffer - places[i - 1].Buffer, 0, 1);
        }
    }

    [Fact]
    public void Place_ManySequencesOfALargeModel_TakesFewBuffersThatEveryDriverGives()
    {
        Gemma2Config config = Gemma2Shapes.Published["27b"];
        AttentionShape shape = ForwardPass.ShapeOf(config);
        foreach (TensorType type in new[] { TensorType.F32, TensorType.F16, TensorType.Q8_0 })
        {
            long[] bytes = [.. Enumerable.Range(0, 256 * config.LayerCount).Select(i => CacheLayout.LayerBytes(type, shape, KvCache.Slots(config.Layers[i % config.LayerCount], 8192)))];
            (long[] sizes, _) = KvCache.Place(bytes, 1 << 30);
            Assert.InRange(sizes.Length, 1, 2048);
            Assert.All(sizes, size => Assert.InRange(size, 1, 1L << 30));
            Assert.All(bytes, size => Assert.Equal(0, size % 32)); // so that each begins aligned
        }
    }
}
