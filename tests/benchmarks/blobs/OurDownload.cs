using Gemma2.Backend.Formats.Files;
using Gemma2.Storage;
using Gemma2.Storage.Models;
using Gemma2.Storage.Models.Ranges;

namespace Gemma2.Benchmarks.Blobs;

/// <summary>The blob as the engine reads it: block by block, so many asked for at once, each checked.</summary>
internal sealed class OurDownload(string connectionString, string file, int blocksAtOnce, bool isHedging)
{
    public Link Link { get; } = new(TimeProvider.System, isHedging);

    public async Task RunAsync()
    {
        var source = new BlobModelSource(StorageConnection.FromSettings(key => key == "Storage" ? connectionString : null, "Storage"), CompareCommand.ModelName) { Link = Link };
        await using IModelFile opened = await source.OpenAsync(file, default);
        long next = 0;
        await Task.WhenAll(Enumerable.Range(0, blocksAtOnce).Select(_ => Task.Run(async () =>
        {
            byte[] buffer = GC.AllocateUninitializedArray<byte>(opened.BlockBytes);
            for (long begin; (begin = Interlocked.Add(ref next, buffer.Length) - buffer.Length) < opened.Length;)
                await opened.ReadAsync(begin, buffer.AsMemory(0, (int)Math.Min(buffer.Length, opened.Length - begin)), default);
        })));
    }
}
