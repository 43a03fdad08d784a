using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Api;
using Gemma2.Service.Completions;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Model;

namespace Gemma2.Service.Http.Admin;

/// <summary>
/// <c>POST /admin/reload</c>: takes up a newer version of the model; <c>GET /admin/reload</c>: what came of it. A Functions host keeps all of <c>/admin</c> for itself: <c>/v1/admin/reload</c> is the same.
/// </summary>
internal static class ReloadEndpoint
{
    public const string Route = "/admin/reload";

    private const string Wait = "wait";
    private const string Force = "force";

    /// <summary>The parameters of a reload.</summary>
    public static readonly RouteFields Fields = new("POST " + Route, [Wait, Force]);

    public static void Map(IEndpointRouteBuilder routes)
    {
        foreach (string route in (string[])[Route, "/v1" + Route])
        {
            routes.MapPost(route, ReloadAsync).WithMetadata(new AdminRoute("POST " + route));
            routes.MapGet(route, GetAsync).WithMetadata(new AdminRoute("GET " + route));
        }
    }

    private static async Task ReloadAsync(HttpContext http, ModelReload reload, ModelHost model)
    {
        (bool waits, bool force) = (IsSet(http.Request, Wait), IsSet(http.Request, Force));
        Task<ReloadState> running = reload.TryBegin(force) ?? throw new ApiException(
            reload.State.IsRunning ? ApiError.ReloadRunning("another reload is running") : ApiError.ReloadRunning("the model is still being loaded"));
        if (!waits)
        {
            http.Response.Headers.Location = http.Request.Path.Value;
            await SendAsync(http, StatusCodes.Status202Accepted, reload.State, model);
            return;
        }
        http.LiftTimeLimit();
        ReloadState ended = await running.WaitAsync(http.RequestAborted);
        if (ended.Status == ReloadStatus.Failed)
            throw new ApiException(ApiError.ReloadFailed(ended.Error!));
        await SendAsync(http, StatusCodes.Status200OK, ended, model);
    }

    private static Task GetAsync(HttpContext http, ModelReload reload, ModelHost model) => SendAsync(http, StatusCodes.Status200OK, reload.State, model);

    private static bool IsSet(HttpRequest request, string name) => request.Query[name].ToString() switch
    {
        "" => request.Query.ContainsKey(name),
        "true" or "1" => true,
        "false" or "0" => false,
        var other => throw new InvalidRequestException(name, $"{name} is '{RequestFields.Quote(other)}'; allowed are true and false.", ErrorCodes.WrongValue),
    };

    private static Task SendAsync(HttpContext http, int status, ReloadState state, ModelHost host) => JsonBody.SendAsync(http.Response, status, json =>
    {
        json.WriteStartObject();
        json.WriteString("object", "reload");
        json.WriteString("status", WordOf(state.Status));
        json.WriteString("mode", state.IsBeside switch { true => "beside", false => "after", null => null });
        WriteTime(json, "started_at", state.StartedAt);
        WriteTime(json, "ended_at", state.EndedAt);
        json.WriteString("error", state.Error);
        json.WriteString("stage", host.Stage);
        json.WritePropertyName("model");
        WriteModel(json, host.Current);
        json.WriteEndObject();
    });

    private static void WriteModel(Utf8JsonWriter json, LoadedModel? model)
    {
        if (model is null)
        {
            json.WriteNullValue();
            return;
        }
        json.WriteStartObject();
        json.WriteString("id", model.Engine.ModelName);
        json.WriteString("system_fingerprint", SystemFingerprint.Of(model.Engine));
        json.WriteString("version", model.Version);
        json.WriteNumber("loaded_at", model.LoadedAt.ToUnixTimeSeconds());
        json.WriteEndObject();
    }

    private static void WriteTime(Utf8JsonWriter json, string name, DateTimeOffset? time)
    {
        if (time is { } at)
            json.WriteNumber(name, at.ToUnixTimeSeconds());
        else
            json.WriteNull(name);
    }

    private static string WordOf(ReloadStatus status) => status switch
    {
        ReloadStatus.None => "none",
        ReloadStatus.Checking => "checking",
        ReloadStatus.Loading => "loading",
        ReloadStatus.Draining => "draining",
        ReloadStatus.Succeeded => "succeeded",
        ReloadStatus.Current => "already_current",
        _ => "failed",
    };
}
