namespace Gemma2.Backend.Text;

/// <summary>A chat template as it was found.</summary>
/// <param name="Jinja">Its text.</param>
/// <param name="Origin">Where it is from, for messages.</param>
public sealed record ChatTemplateText(string Jinja, string Origin);
