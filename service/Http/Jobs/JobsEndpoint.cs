using System.Text.Json;
using Gemma2.Service.Api;
using Gemma2.Service.Callbacks;
using Gemma2.Service.Completions;
using Gemma2.Service.Http.Access;
using Gemma2.Service.Http.Streaming;
using Gemma2.Service.Jobs;
using Gemma2.Service.Model;
using Gemma2.Storage;
using Gemma2.Storage.Jobs;

namespace Gemma2.Service.Http.Jobs;

/// <summary><c>/v1/jobs</c>: completions that are answered later.</summary>
internal static class JobsEndpoint
{
    public const string Route = "/v1/jobs";

    public static void Map(IEndpointRouteBuilder routes)
    {
        routes.MapPost(Route, SubmitAsync);
        routes.MapGet(Route + "/{id}", GetAsync);
        routes.MapDelete(Route + "/{id}", CancelAsync);
    }

    private static async Task SubmitAsync(HttpContext http, ModelHost model, CompletionFactory factory, RateLimits limits)
    {
        var jobs = http.Storage<JobStore>();
        using EngineLease? lease = model.TryTake();
        CompletionJob job;
        CompletionRequest request;
        int promptTokens;
        using (JsonDocument body = await RequestBody.ReadJsonAsync(http.Request, http.RequestAborted))
        {
            (job, request, promptTokens) = await JobsRequest.ReadAsync(
                body.RootElement, http.Owner(), http.Storage<CallbackRules>(), lease?.Engine, factory, http.RequestAborted);
        }
        await limits.ChargeTokensAsync(http, promptTokens, request.AnswerCount, request.MaxTokens);
        try
        {
            await http.Storage<Quotas>().MakeJobAsync(job.Key, () => jobs.SubmitAsync(job, http.RequestAborted), http.RequestAborted);
        }
        catch (JobConflictException conflict)
        {
            throw new ApiException(JobErrors.Conflict(conflict));
        }
        http.Response.Headers.Location = $"{Route}/{job.Key.Id}";
        await SendAsync(http, StatusCodes.Status202Accepted, await FindAsync(http, job.Key.Id, jobs.TryReadAsync));
    }

    private static async Task GetAsync(HttpContext http, string id, StateStream states)
    {
        var jobs = http.Storage<JobStore>();
        JobSnapshot job = await FindAsync(http, id, jobs.TryReadAsync);
        if (StateStream.IsWanted(http.Request))
            await states.SendAsync(http, job, token => jobs.TryReadAsync(job.Key, token), now => now.HasEnded, JobJson.Write);
        else
            await SendAsync(http, StatusCodes.Status200OK, job);
    }

    private static async Task CancelAsync(HttpContext http, string id)
    {
        JobSnapshot job = await FindAsync(http, id, http.Storage<JobStore>().CancelAsync);
        http.Storage<RunningJobs>().Stop(job.Key);
        await SendAsync(http, StatusCodes.Status200OK, job);
    }

    private static async Task<JobSnapshot> FindAsync(HttpContext http, string id, Func<OwnedId, CancellationToken, Task<JobSnapshot?>> call) =>
        (http.OwnedKey(id) is { } key ? await call(key, http.RequestAborted) : null) ?? throw new ApiException(ApiError.NotFound("job", RequestFields.Quote(id)));

    private static Task SendAsync(HttpContext http, int status, JobSnapshot job) => JsonBody.SendAsync(http.Response, status, json => JobJson.Write(json, job));
}
