namespace Gemma2.Backend.Text;

/// <summary>Gemma's SentencePiece vocabulary.</summary>
public sealed partial class GemmaTokenizer
{
}
