using Gemma2.Benchmarks.Sides.Loads;

namespace Gemma2.Benchmarks.Sides;

/// <summary>One of the engines that are compared, with a model loaded. Both do the same work on the same file.</summary>
internal interface ISide : IAsyncDisposable
{
    /// <summary>What really runs.</summary>
    SideDescription Description { get; }

    /// <summary>Reads a prompt from an empty cache, then makes tokens greedily, one a step; the prompt's own step makes the first.</summary>
    /// <param name="prompt">Token ids.</param>
    /// <param name="decode">Steps after the prompt's.</param>
    Task<Turn> MeasureAsync(int[] prompt, int decode);

    /// <summary>Logits after the last of <paramref name="tokens"/>, softcap included.</summary>
    Task<float[]> LogitsAsync(int[] tokens);

    /// <summary>Answers a request greedily, beside others: as many at once as <see cref="SideOptions.Slots"/>, the rest wait. Any thread may call it.</summary>
    /// <returns>The tokens as they come.</returns>
    IAsyncEnumerable<ServedToken> ServeAsync(LoadRequest request, CancellationToken cancellationToken);
}

/// <summary>What an engine is given beside the model.</summary>
/// <param name="Context">Longest sequence, a multiple of 256.</param>
/// <param name="Threads">Processor threads.</param>
/// <param name="KvCache"><c>f16</c> or <c>f32</c>.</param>
/// <param name="Device">Index of the Vulkan device.</param>
/// <param name="Slots">How many sequences are worked on at once.</param>
/// <param name="Warms">Whether it is used once before it counts as loaded.</param>
internal sealed record SideOptions(int Context, int Threads, string KvCache, int Device, int Slots = 1, bool Warms = true);

/// <summary>What really runs on one side.</summary>
/// <param name="Engine">Name and version.</param>
/// <param name="Backend">What computes: device, driver, where the weights are.</param>
/// <param name="VocabularySize">Token ids are below it.</param>
/// <param name="LoadSeconds">From the call to load until the model could be used, shaders compiled.</param>
internal sealed record SideDescription(string Engine, string Backend, int VocabularySize, double LoadSeconds);

/// <summary>Times of one turn of one side.</summary>
/// <param name="PromptSeconds">Until the first token.</param>
/// <param name="PromptCpuSeconds">Processor time of all threads in it.</param>
/// <param name="DecodeSeconds">All tokens after the first.</param>
/// <param name="DecodeCpuSeconds">Processor time of all threads in it.</param>
/// <param name="Tokens">What was made, the first included.</param>
internal sealed record Turn(double PromptSeconds, double PromptCpuSeconds, double DecodeSeconds, double DecodeCpuSeconds, IReadOnlyList<int> Tokens);

/// <summary>A token of an answer.</summary>
/// <param name="Id">The token.</param>
/// <param name="CachedTokens">Tokens of the prompt that were not computed, since an earlier request had them.</param>
internal readonly record struct ServedToken(int Id, int CachedTokens);
