using Gemma2.Storage.Batches;

namespace Gemma2.Chaos.Tests.Audit;

/// <summary>Tells batches of what had no answer in another one.</summary>
internal static class RetriedBatch
{
    public static bool IsRetry(this BatchRecord batch) => batch.Metadata?.ContainsKey(BatchRetry.Note) == true;
}
