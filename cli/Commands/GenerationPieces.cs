using System.Runtime.CompilerServices;
using Gemma2.Backend.Engine;
using Gemma2.Cli.Terminal;

namespace Gemma2.Cli.Commands;

/// <summary>An answer piece by piece, with a line for whoever waits at a terminal for its first one.</summary>
internal static class GenerationPieces
{
    private const string FirstToken = "Computing the first token; at first use the driver compiles kernels";

    /// <summary>Generates. A model without a tokenizer gives tokens whose text is empty.</summary>
    public static async IAsyncEnumerable<TextPiece> ReadAsync(
        InferenceEngine engine, GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IAsyncEnumerable<TextPiece> pieces = engine.Tokenizer is null
            ? engine.GenerateAsync(request, cancellationToken).Select(token => new TextPiece("", token.Choice, token.Finish, token.CachedTokens))
            : engine.GenerateTextAsync(request, cancellationToken);
        await using IAsyncEnumerator<TextPiece> written = pieces.GetAsyncEnumerator(cancellationToken);
        for (bool more = await BeginAsync(written); more; more = await written.MoveNextAsync()) yield return written.Current;
    }

    /// <summary>The first token takes longest: the whole prompt is computed for it, and a driver compiles kernels when they first run.</summary>
    private static Task<bool> BeginAsync(IAsyncEnumerator<TextPiece> pieces) => LiveLine.RunAsync(FirstToken, line =>
    {
        line?.Show(FirstToken, share: null);
        return pieces.MoveNextAsync().AsTask();
    });
}
