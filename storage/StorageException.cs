using Gemma2.Backend;

namespace Gemma2.Storage;

/// <summary>Storage is not configured, cannot be reached, or refused a call. The message names what was being done.</summary>
/// <param name="message">One line without secrets.</param>
/// <param name="status">The HTTP status of the last try; 0 when there was no answer.</param>
/// <param name="code">The service's error code, such as "BlobAlreadyExists"; null when it gave none.</param>
/// <param name="inner">What the client library threw.</param>
public sealed class StorageException(string message, int status = 0, string? code = null, Exception? inner = null) : Gemma2Exception(message, inner)
{
    /// <summary>The HTTP status of the last try; 0 when there was no answer.</summary>
    public int Status { get; } = status;

    /// <summary>The service's error code, such as "BlobAlreadyExists"; null when it gave none.</summary>
    public string? Code { get; } = code;

    /// <summary>Whether storage did not answer, or said that it cannot: that is no fault of the call, and passes.</summary>
    public bool IsOutage { get; init; }

    /// <summary>
    /// Whether storage says that the thing, or what it lies in, is not there. Only its own codes say so: a 404 alone may come from a proxy, and
    /// "ResourceNotFound" names no thing of ours.
    /// </summary>
    public bool IsMissing => Code is "BlobNotFound" or "ContainerNotFound" or "QueueNotFound" or "MessageNotFound";
}
