using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Gemma2.Storage.Jobs;

/// <summary>Messages that are no work for anybody, in the container <c>dead-letters</c>, one blob <c>QUEUE/MESSAGE-ID.json</c> each: for a person to look at.</summary>
/// <param name="connection">The storage account.</param>
public sealed class DeadLetterStore(StorageConnection connection)
{
    /// <summary>Keeps a message; again is fine.</summary>
    /// <param name="queue">The queue that it was sent to.</param>
    /// <param name="messageId">The service's name for it, as its sender was told, where known.</param>
    /// <param name="body">What it holds.</param>
    /// <param name="reason">One line: why nobody can work on it.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <returns>The blob's name within the container.</returns>
    /// <exception cref="StorageException">Storage failed.</exception>
    public async Task<string> WriteAsync(string queue, string? messageId, string body, string reason, CancellationToken cancellationToken)
    {
        string blob = $"{queue}/{Name(messageId, body)}.json";
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string?>
        {
            ["queue"] = queue,
            ["messageId"] = messageId,
            ["reason"] = reason,
            ["body"] = body,
        }, StorageJson.Default.DictionaryStringString);
        await SmallBlobs.WriteOnceAsync(connection, StorageNames.DeadLetters, blob, json, cancellationToken);
        return blob;
    }

    /// <summary>The service's name for the message; where that is not known, or is no name that a blob should have, one that the body gives.</summary>
    private static string Name(string? messageId, string body) => messageId is not null && JobId.IsValid(messageId)
        ? messageId
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(body)).AsSpan(0, 16));
}
