using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http;

/// <summary><c>GET /healthz</c>: 503 with how far loading is until the model is warm, 200 from then on, 503 again while the app stops.</summary>
internal static class HealthEndpoint
{
    public const string Route = "/healthz";

    public static void Map(IEndpointRouteBuilder routes) => routes.MapMethods(Route, [HttpMethods.Get, HttpMethods.Head], (HttpContext http, ModelHost model, Draining draining) =>
        draining.IsStopping ? SendStoppingAsync(http.Response)
        : model.Engine is { } engine ? SendReadyAsync(http.Response, engine.ModelName)
        : SendLoadingAsync(http.Response, model)).AllowAnonymous();

    private static Task SendReadyAsync(HttpResponse response, string model) => JsonBody.SendAsync(response, StatusCodes.Status200OK, json =>
    {
        json.WriteStartObject();
        json.WriteString("status", "ready");
        json.WriteString("model", model);
        json.WriteEndObject();
    });

    private static Task SendStoppingAsync(HttpResponse response)
    {
        response.Headers.RetryAfter = ErrorResponses.RetryAfterSeconds;
        return JsonBody.SendAsync(response, StatusCodes.Status503ServiceUnavailable, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "stopping");
            json.WriteEndObject();
        });
    }

    private static Task SendLoadingAsync(HttpResponse response, ModelHost model)
    {
        response.Headers.RetryAfter = ErrorResponses.RetryAfterSeconds;
        return JsonBody.SendAsync(response, StatusCodes.Status503ServiceUnavailable, json =>
        {
            json.WriteStartObject();
            json.WriteString("status", "loading");
            json.WriteString("stage", model.Stage);
            json.WriteNumber("bytes_loaded", model.Progress.BytesLoaded);
            json.WriteNumber("bytes_total", model.Progress.BytesTotal);
            if (model.LastFailure is { } failure)
                WriteFailure(json, failure);
            json.WriteEndObject();
        });
    }

    private static void WriteFailure(Utf8JsonWriter json, LoadFailure failure)
    {
        json.WriteStartObject("last_failure");
        json.WriteString("message", failure.Message);
        json.WriteNumber("tries", failure.Tries);
        json.WriteNumber("at", failure.At.ToUnixTimeSeconds());
        json.WriteNumber("next_try_at", (failure.At + failure.NextTryIn).ToUnixTimeSeconds());
        json.WriteEndObject();
    }
}
