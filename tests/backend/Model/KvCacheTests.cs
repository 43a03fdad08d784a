using Gemma2.Backend.Cache;
using Gemma2.Backend.Config;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Model;

public sealed class KvCacheTests(DeviceFixture fixture)
{
    private static readonly TensorType[] _types = [TensorType.F32, TensorType.F16, TensorType.Q8_0];

    [Fact]
    public void Constructor_BlocksOfMoreThanOneBuffer_LieApartAndAligned()
    {
        Gemma2Config config = Gemma2Shapes.Published["27b"];
        AttentionShape shape = ForwardPass.ShapeOf(config);
        foreach (TensorType type in _types)
        {
            long bytes = KvCache.BytesOfBlock(config, shape, type);
            int blocks = (int)((1L << 30) / bytes) + 3;
            using var cache = new KvCache(fixture.Device, config, shape, type, blocks);

            ulong[] addresses = [.. Enumerable.Range(0, blocks).Select(cache.AddressOf)];

            Assert.All(addresses, address => Assert.Equal(0u, address % 32));
            ulong[] sorted = [.. addresses.Order()];
            Assert.All(sorted.Zip(sorted.Skip(1)), pair => Assert.True(pair.Second - pair.First >= (ulong)bytes));
        }
    }

    [Fact]
    public void OffsetOf_EveryLayer_LiesInItsGroupsBlockBesideTheOthers()
    {
        Gemma2Config config = Gemma2Shapes.Published["9b"];
        AttentionShape shape = ForwardPass.ShapeOf(config);
        using var cache = new KvCache(fixture.Device, config, shape, TensorType.F16, 2);

        for (int group = 0; group < cache.Groups.Windows.Count; group++)
        {
            int[] layers = [.. Enumerable.Range(0, config.LayerCount).Where(layer => cache.Groups.GroupOf(layer) == group)];
            Assert.Equal(21, layers.Length);
            Assert.All(layers, layer => Assert.Equal(config.Layers[layer].Window, cache.Groups.Windows[group]));
            long[] ends = [.. layers.Select(layer => cache.OffsetOf(layer) + CacheLayout.LayerBytes(TensorType.F16, shape)).Order()];
            Assert.Equal(cache.BlockBytes, ends[^1]);
            Assert.Equal(layers.Length, ends.Distinct().Count());
        }
    }

    [Fact]
    public void BytesOfBlock_PublishedModels_AreThoseOf32Positions()
    {
        Gemma2Config config = Gemma2Shapes.Published["2b"];
        Assert.Equal(13L * 2 * 4 * 256 * 2 * BlockTable.Positions, KvCache.BytesOfBlock(config, ForwardPass.ShapeOf(config), TensorType.F16));
    }
}
