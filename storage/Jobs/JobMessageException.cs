using Gemma2.Backend;

namespace Gemma2.Storage.Jobs;

/// <summary>A queue message is not a job. Trying it again does not help: it belongs in the poison queue.</summary>
/// <param name="message">One line: what is wrong and what is allowed.</param>
/// <param name="inner">What a parser threw.</param>
public sealed class JobMessageException(string message, Exception? inner = null) : Gemma2Exception(message, inner);
