using System.Text.Json;
using Gemma2.Backend.Engine;
using Gemma2.Service.Api;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.OpenAI;

/// <summary>
/// <c>GET /v1/models</c> and <c>GET /v1/models/{id}</c>: the one model that this app serves. Source: OpenAI API reference, "Models"; the length of its context is named as vLLM
/// (<c>max_model_len</c>) and as other servers do (<c>context_length</c>).
/// </summary>
internal static class ModelsEndpoint
{
    public const string Route = "/v1/models";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapGet(Route, ListAsync);
        // Names of models may have slashes.
        routes.MapGet(Route + "/{**id}", GetAsync);
    }

    private static Task ListAsync(HttpContext http, ModelHost model)
    {
        LoadedModel loaded = model.RequireCurrent();
        return JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            Write(json, loaded);
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static Task GetAsync(HttpContext http, ModelHost model, string id)
    {
        LoadedModel loaded = model.RequireCurrent();
        // A slash that was escaped arrives escaped, everything else does not.
        loaded.Engine.RequireName(id.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase));
        return JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json => Write(json, loaded));
    }

    private static void Write(Utf8JsonWriter json, LoadedModel loaded)
    {
        IInferenceEngine engine = loaded.Engine;
        json.WriteStartObject();
        json.WriteString("id", engine.ModelName);
        json.WriteString("object", "model");
        json.WriteNumber("created", loaded.LoadedAt.ToUnixTimeSeconds());
        json.WriteString("owned_by", "local");
        json.WriteNumber("context_length", engine.ContextLength);
        json.WriteNumber("max_model_len", engine.ContextLength);
        json.WriteEndObject();
    }
}
