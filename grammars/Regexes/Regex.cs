namespace Gemma2.Grammars.Regexes;

/// <summary>A regular expression over bytes, kept in a <see cref="RegexStore"/>: equal expressions have equal ids.</summary>
/// <param name="Id">Its place in the store.</param>
internal readonly record struct Regex(int Id);
