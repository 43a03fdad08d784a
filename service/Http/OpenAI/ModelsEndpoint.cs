using Gemma2.Service.Api;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.OpenAI;

/// <summary><c>GET /v1/models</c>: the one model that this app serves.</summary>
internal static class ModelsEndpoint
{
    public const string Route = "/v1/models";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapGet(Route, (HttpContext http, ModelHost model) =>
    {
        string name = model.RequireEngine().ModelName;
        return JsonBody.SendAsync(http.Response, StatusCodes.Status200OK, json =>
        {
            json.WriteStartObject();
            json.WriteString("object", "list");
            json.WriteStartArray("data");
            json.WriteStartObject();
            json.WriteString("id", name);
            json.WriteString("object", "model");
            json.WriteNumber("created", model.LoadedAt.ToUnixTimeSeconds());
            json.WriteString("owned_by", "local");
            json.WriteEndObject();
            json.WriteEndArray();
            json.WriteEndObject();
        });
    });
}
