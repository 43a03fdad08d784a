namespace Gemma2.Backend.Serving;

/// <summary>Generates text: tokens become characters, stop texts end the answer.</summary>
public static class TextGeneration
{
}
