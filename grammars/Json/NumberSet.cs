using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>
/// A set of numbers, as two sets of the texts that write them. A text that is in neither is not used, so that what is said of numbers is always true of what is written.
/// </summary>
/// <param name="Inside">Texts of numbers that are in it.</param>
/// <param name="Outside">Texts of numbers that are not.</param>
internal readonly record struct NumberSet(Regex Inside, Regex Outside);
