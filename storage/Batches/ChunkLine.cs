namespace Gemma2.Storage.Batches;

/// <summary>The result of one line of a batch's input.</summary>
/// <param name="Line">The line's number in the input, from 1.</param>
/// <param name="Ok">Whether it has an answer; else it has an error.</param>
/// <param name="InputTokens">Tokens of its prompt.</param>
/// <param name="OutputTokens">Its new tokens.</param>
/// <param name="Output">What goes into the output file (or the error file): one JSON object without a line end.</param>
/// <param name="Expired">Whether it has no answer because the batch's window had ended.</param>
public sealed record ChunkLine(int Line, bool Ok, long InputTokens, long OutputTokens, ReadOnlyMemory<byte> Output, bool Expired = false);
