namespace Gemma2.Backend.Engine;

/// <summary>Guesses how a sequence goes on. A guess costs a row of a step and is only taken where the model says the same, so tokens are the same with and without.</summary>
internal interface IDrafter
{
    /// <summary>Guesses the next tokens.</summary>
    /// <param name="tokens">The sequence so far.</param>
    /// <param name="drafts">Room for as many guesses as are wanted at most.</param>
    /// <returns>How many there are; 0 when there is nothing to go by.</returns>
    int Propose(ReadOnlySpan<int> tokens, Span<int> drafts);
}
