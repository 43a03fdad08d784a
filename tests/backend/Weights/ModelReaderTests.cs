using Gemma2.Backend.Model;
using Gemma2.Backend.Serving;
using Gemma2.Backend.Weights;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class ModelReaderTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(GoldenModels.All), MemberType = typeof(GoldenModels))]
    public async Task ReadAsync_EveryGoldenModel_GivesEachTensorsBytes(string name)
    {
        FolderModelSource source = new(GoldenModels.Open(name).Folder);
        Gemma2Config config = await ModelReader.ReadConfigAsync(source, Cancellation);
        RecordingSink sink = new();
        List<LoadProgress> progress = [];

        await ModelReader.ReadAsync(source, config, sink, new SynchronousProgress(progress), Cancellation);

        Assert.Equal(11 * config.LayerCount + 2, sink.Announced.Count);
        Assert.Equivalent(sink.Announced, await ModelReader.ReadTensorsAsync(source, config, Cancellation), strict: true);
        foreach (TensorEntry tensor in sink.Announced)
        {
            ReadOnlySpan<byte> file = await File.ReadAllBytesAsync(Path.Combine(GoldenModels.Open(name).Folder, tensor.File), Cancellation);
            Assert.True(file.Slice((int)tensor.Offset, (int)tensor.Length).SequenceEqual(sink.Bytes(tensor.Name)), tensor.Name);
        }

        long total = sink.Announced.Sum(tensor => tensor.Length);
        Assert.Equal(new LoadProgress(total, total), progress[^1]);
    }

    private sealed class SynchronousProgress(List<LoadProgress> reports) : IProgress<LoadProgress>
    {
        public void Report(LoadProgress value) => reports.Add(value);
    }
}
