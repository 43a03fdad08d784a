using Gemma2.Backend.Formats.Files;

namespace Gemma2.Backend.Adapters;

/// <summary>An adapter that is to be added to a model's weights.</summary>
/// <param name="Files">Where its files come from.</param>
/// <param name="Scale">What its change of the weights is multiplied by.</param>
public sealed record AdapterSource(IModelSource Files, double Scale = 1);
