using Gemma2.Service.Api;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.OpenAI;

/// <summary>
/// Routes that clients of OpenAI and vLLM may try and that this server does not have: each is refused by name. The status is 404, which says that the same request is of no use again: OpenAI's
/// clients repeat what a 501 answers.
/// </summary>
internal static class UnservedEndpoints
{
    private static readonly (string Pattern, string What)[] Routes =
    [
        ("/v1/embeddings", "embeddings"),
        ("/v1/moderations", "moderations"),
        ("/v1/images/{**rest}", "images"),
        ("/v1/audio/{**rest}", "audio"),
        ("/v1/videos/{**rest}", "videos"),
        ("/v1/realtime/{**rest}", "realtime sessions"),
        ("/v1/rerank", "reranking"),
        ("/v2/rerank", "reranking"),
        ("/rerank", "reranking"),
        ("/v1/score", "scores of pairs of texts"),
        ("/score", "scores of pairs of texts"),
        ("/classify", "classification"),
        ("/pooling", "pooling"),
        ("/v1/assistants/{**rest}", "assistants"),
        ("/v1/threads/{**rest}", "threads"),
        ("/v1/conversations/{**rest}", "conversations"),
        ("/v1/responses/compact", "compaction of conversations"),
        ("/v1/vector_stores/{**rest}", "vector stores"),
        ("/v1/fine_tuning/{**rest}", "fine-tuning"),
        ("/v1/uploads/{**rest}", "uploads in parts"),
    ];

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach ((string pattern, string what) in Routes)
            routes.Map(pattern, Task (HttpContext http, ModelHost model) => throw new ApiException(Error(http.Request, what, model)));
    }

    private static ApiError Error(HttpRequest request, string what, ModelHost model)
    {
        string served = model.Engine is { } engine ? $"'{engine.ModelName}'" : "one model";
        return new(
            404,
            $"This server has no {what} ({request.Method} {RequestFields.Quote(request.Path)}). It serves text from {served}: "
            + "/v1/chat/completions, /v1/completions, /v1/responses, /v1/models, /v1/files, /v1/batches, /v1/jobs, /tokenize and /detokenize.",
            "invalid_request_error", null, "unsupported_endpoint");
    }
}
