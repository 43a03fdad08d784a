using Gemma2.Grammars.Regexes;

namespace Gemma2.Grammars.Json;

/// <summary>A set of JSON values, kind by kind.</summary>
/// <param name="Constants">Which of null, true and false are in it.</param>
/// <param name="Number">Texts of the numbers.</param>
/// <param name="Text">Values of the strings.</param>
/// <param name="Arrays">Alternatives for lists.</param>
/// <param name="Objects">Alternatives for objects.</param>
internal sealed record ValueShape(JsonKinds Constants, Regex Number, Regex Text, IReadOnlyList<ArrayConstraint> Arrays, IReadOnlyList<ObjectConstraint> Objects);
