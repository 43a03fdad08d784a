namespace Gemma2.Backend.Text;

/// <summary>Which messages a chat template takes as they are.</summary>
/// <param name="TakesSystem">Whether a conversation may begin with a system message.</param>
/// <param name="TakesLaterSystem">Whether one may stand between others, too.</param>
/// <param name="Alternates">Whether user and assistant must speak in turn.</param>
internal sealed record ChatRules(bool TakesSystem, bool TakesLaterSystem, bool Alternates)
{
    /// <summary>What Gemma 2's own template takes.</summary>
    public static readonly ChatRules Gemma = new(TakesSystem: false, TakesLaterSystem: false, Alternates: true);
}
