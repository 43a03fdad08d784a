using Gemma2.Backend;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Engine;
using Gemma2.Grammars;
using Gemma2.Service.Api;
using Gemma2.Service.Model;
using Gemma2.Service.Options;

namespace Gemma2.Service.Completions;

/// <summary>Makes requests ready to run: measures them against the model, and compiles what their answers must look like.</summary>
internal sealed class CompletionFactory(ModelGrammars grammars, Gemma2Options options)
{
    private const int LongestMessage = 400;

    /// <summary>Measures a request against the model, and compiles what its answers must look like.</summary>
    /// <param name="engine">The loaded model.</param>
    /// <param name="request">What is asked for.</param>
    /// <param name="id">Names the answer, without the prefix that tells its kind.</param>
    /// <param name="created">When the request was made.</param>
    /// <param name="seed">Makes the answer repeatable.</param>
    /// <param name="requestClass">Who goes first.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ApiException">Another model is asked for, or prompt and answer do not fit the context.</exception>
    /// <exception cref="InvalidRequestException">The prompt cannot be put to the model, a field names a token that it does not have, or the form cannot be compiled.</exception>
    public async Task<Completion> CreateAsync(
        IInferenceEngine engine, CompletionRequest request, string id, DateTimeOffset created, long seed, RequestClass requestClass, CancellationToken cancellationToken)
    {
        if (request.Tools is { } tools)
            request = request with { Prompts = [.. request.Prompts.Select(prompt => tools.TellOf(prompt, options.ToolPrompt))] };
        request = PromptTruncation.Fit(engine, request);
        var completion = new Completion(engine, request, id, created, seed, requestClass);
        if (request.Format is { } format)
            completion.NewMask = await CompileAsync(engine, format, request.Tools, cancellationToken);
        return completion;
    }

    private async Task<Func<ITokenMask>> CompileAsync(IInferenceEngine engine, AnswerFormat format, ToolRequest? tools, CancellationToken cancellationToken)
    {
        try
        {
            return await grammars.CompileAsync(engine, format.Source, cancellationToken);
        }
        catch (GrammarException error)
        {
            // Whose fault it is shows when each is compiled by itself.
            foreach (AnswerFormat part in tools?.Parts ?? [])
                await CompileAsync(engine, part, null, cancellationToken);
            throw new InvalidRequestException(format.Field, RequestFields.Quote($"{format.Field}{(error.Path.StartsWith('/') ? "" : " ")}{error.Message}", LongestMessage));
        }
    }
}
