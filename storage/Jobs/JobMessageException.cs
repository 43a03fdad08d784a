using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>A queue message is not a job. Trying it again does not help: it becomes a dead letter.</summary>
/// <param name="message">One line: what is wrong and what is allowed.</param>
/// <param name="inner">What a parser threw.</param>
public sealed class JobMessageException(string message, Exception? inner = null) : Gemma2Exception(message, inner)
{
    /// <summary>Whose job it was to be, where that can be read all the same: it ends with a result that says what is wrong.</summary>
    public RejectedJob? Job { get; init; }
}

/// <summary>What can be read of a message that is not a job.</summary>
/// <param name="Key">Whose job and its id.</param>
/// <param name="CallbackUrl">Where the job's end is to be posted; null where nobody wants to be told, or the address is not usable.</param>
public sealed record RejectedJob(OwnedId Key, Uri? CallbackUrl);
