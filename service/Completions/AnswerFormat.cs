using Gemma2.Grammars;

namespace Gemma2.Service.Completions;

/// <summary>What an answer must look like, and the field that says so, which errors in it are told by.</summary>
internal sealed record AnswerFormat(GrammarSource Source, string Field);
