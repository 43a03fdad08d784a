namespace Gemma2.Storage;

/// <summary>An answer that cannot be storage's own, or not the one to this call: the call has failed, whatever the answer says.</summary>
/// <param name="reason">What is wrong with it, as the end of a sentence that begins with the call.</param>
/// <remarks>No <see cref="IOException"/>: the client library would ask for the rest of the body and go on with what it believes.</remarks>
internal sealed class StorageAnswerException(string reason) : Exception(reason);
