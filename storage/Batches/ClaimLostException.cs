using Gemma2.Backend;

namespace Gemma2.Storage.Batches;

/// <summary>A chunk has become another worker's, or its batch has ended: what this worker does for it counts no more.</summary>
/// <param name="blob">The chunk.</param>
public sealed class ClaimLostException(string blob) : Gemma2Exception($"The chunk {blob} has become another worker's.");
