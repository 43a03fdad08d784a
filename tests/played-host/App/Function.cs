using System.Text.Json;
using Gemma2.PlayedHost.Protocol;

namespace Gemma2.PlayedHost.App;

/// <summary>A function, as its worker has described it.</summary>
/// <param name="Metadata">What the worker said; it is sent back to load the function.</param>
/// <param name="Trigger">Its trigger as JSON.</param>
internal sealed record Function(FunctionMetadata Metadata, JsonElement Trigger)
{
    private const string TriggerSuffix = "Trigger";

    /// <summary>Its name.</summary>
    public string Name => Metadata.Name;

    /// <summary>The worker's id for it.</summary>
    public string Id => Metadata.FunctionId;

    /// <summary>The name of the parameter that the trigger fills.</summary>
    public string Parameter => Trigger.GetProperty("name").GetString()!;

    /// <summary>What starts it: <c>httpTrigger</c>, <c>queueTrigger</c> or <c>timerTrigger</c>.</summary>
    public string TriggerType => Trigger.GetProperty("type").GetString()!;

    /// <summary>Reads the worker's description.</summary>
    /// <exception cref="PlayedHostException">It has not just one trigger.</exception>
    public static Function Read(FunctionMetadata metadata)
    {
        JsonElement[] triggers = [.. metadata.RawBindings.Select(binding => JsonElement.Parse(binding)).Where(IsTrigger)];
        return triggers.Length == 1
            ? new Function(metadata, triggers[0])
            : throw new PlayedHostException($"Function {metadata.Name} has {triggers.Length} triggers; allowed: 1.");
    }

    private static bool IsTrigger(JsonElement binding) => binding.GetProperty("type").GetString()!.EndsWith(TriggerSuffix, StringComparison.OrdinalIgnoreCase);
}
