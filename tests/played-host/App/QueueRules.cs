using System.Text.Json;

namespace Gemma2.PlayedHost.App;

/// <summary>How the host takes messages from queues: <c>extensions.queues</c> of host.json, with the defaults of the host's extension.</summary>
/// <param name="BatchSize">The most messages that are asked for at once.</param>
/// <param name="NewBatchThreshold">How many may still run when the next ones are asked for.</param>
/// <param name="MaxDequeueCount">With which delivery a message that fails goes to the poison queue.</param>
/// <param name="VisibilityTimeout">How long a message that failed stays hidden; not how long one that runs does.</param>
/// <param name="MaxPollingInterval">The longest pause between two looks into an empty queue.</param>
/// <param name="IsBase64">Whether messages are base64.</param>
internal sealed record QueueRules(
    int BatchSize, int NewBatchThreshold, int MaxDequeueCount, TimeSpan VisibilityTimeout, TimeSpan MaxPollingInterval, bool IsBase64)
{
    private const int MostMessagesACall = 32;

    /// <summary>Reads them from host.json.</summary>
    /// <exception cref="PlayedHostException">A value is none that the extension takes.</exception>
    public static QueueRules Read(JsonElement hostJson)
    {
        JsonElement? queues = hostJson.Find("extensions", "queues");
        int batchSize = queues?.Find("batchSize")?.GetInt32() ?? 16;
        if (batchSize is < 1 or > MostMessagesACall)
            throw new PlayedHostException($"host.json: extensions.queues.batchSize is {batchSize}; allowed: 1 to {MostMessagesACall}.");
        string encoding = queues?.Find("messageEncoding")?.GetString() ?? "base64";
        if (encoding is not ("base64" or "none"))
            throw new PlayedHostException($"host.json: extensions.queues.messageEncoding is '{encoding}'; allowed: base64, none.");
        return new QueueRules(
            batchSize,
            queues?.Find("newBatchThreshold")?.GetInt32() ?? batchSize / 2,
            queues?.Find("maxDequeueCount")?.GetInt32() ?? 5,
            Time(queues, "visibilityTimeout") ?? TimeSpan.Zero,
            Time(queues, "maxPollingInterval") ?? TimeSpan.FromMinutes(1),
            encoding == "base64");
    }

    private static TimeSpan? Time(JsonElement? queues, string name) => queues?.Find(name)?.GetString() is { } text ? TimeSpan.Parse(text, null) : null;
}
