namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/smoke.sh against services that answer rightly and wrongly. Against the real one: <see cref="RunTests"/>.</summary>
public sealed class SmokeTests
{
    [Fact]
    public async Task Smoke_ServiceThatAnswers_PassesEveryStepInOrder()
    {
        await using ScriptedService service = await ScriptedService.StartAsync();
        (int exitCode, string output) = await RunAsync(service.Url);

        Assert.True(exitCode == 0, output);
        Assert.Matches("""
            ^http://127\.0\.0\.1:[0-9]+
              ok   cold start +[0-9.]+ s  ready with the model nano 
              ok   completion +[0-9.]+ s  Paris\. 
              ok   stream +[0-9.]+ s  2 pieces: Paris\. 
              ok   job +[0-9.]+ s  Paris\. 
              ok   batch +[0-9.]+ s  3 answers: Paris\. 
            All passed\.
            $
            """.TrimEnd('$', '\n') + "$", output);
        Assert.Equal(["smoke-1", "smoke-2", "smoke-3"], service.Lines.Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("custom_id").GetString()));
        Assert.Equal(["DELETE /v1/files/file-1", "DELETE /v1/files/file-2"], service.Calls.TakeLast(2));
    }

    [Fact]
    public async Task Smoke_KeyAsArgumentOrInTheEnvironment_IsSentAndNotShown()
    {
        await using ScriptedService service = await ScriptedService.StartAsync("first-Secret");
        (int argument, string argumentOutput) = await RunAsync(service.Url, "first-Secret");
        (int variable, string variableOutput) = await Script.RunBashAsync($"infra/smoke.sh {service.Url}", new Dictionary<string, string> { ["GEMMA2_API_KEY"] = "first-Secret" });

        Assert.Equal((0, 0), (argument, variable));
        Assert.DoesNotContain("Secret", argumentOutput + variableOutput, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST /v1/chat/completions", 429, """{"error":{"message":"slow down"}}""", "completion", "status 429")]
    [InlineData("POST /v1/chat/completions", 200, """{"choices":[{"message":{"content":""}}]}""", "completion", "unexpected answer")]
    [InlineData("POST /v1/chat/completions", 200, "data: {\"choices\":[{\"delta\":{\"content\":\"Par\"}}]}\n\n", "stream", "without [DONE]")]
    [InlineData("POST /v1/chat/completions", 200, "data: {\"error\":{\"message\":\"device lost\"}}\n\ndata: [DONE]\n\n", "stream", "device lost")]
    [InlineData("POST /v1/jobs", 500, "broken", "job", "status 500: broken")]
    [InlineData("GET /v1/jobs/job-1", 200, """{"status":"failed","error":{"message":"no such model"}}""", "job", "no such model")]
    [InlineData("POST /v1/files", 413, "too long", "batch", "status 413")]
    [InlineData("GET /v1/batches/batch-1", 200, """{"status":"failed","errors":{"data":[{"message":"line 1"}]}}""", "batch", "line 1")]
    [InlineData("GET /v1/batches/batch-1", 200, """{"status":"completed","request_counts":{"completed":2,"failed":1}}""", "batch", "unexpected answer")]
    [InlineData("GET /v1/files/file-2/content", 200, "", "batch", "unexpected answer")]
    public async Task Smoke_StepGoesWrong_IsNamedWithTheReason(string call, int status, string body, string step, string reason)
    {
        await using ScriptedService service = (await ScriptedService.StartAsync()).Replace(call, status, body);
        (int exitCode, string output) = await RunAsync(service.Url);

        Assert.Equal(1, exitCode);
        string line = Assert.Single(output.Split('\n'), line => line.StartsWith($"  FAIL {step} ", StringComparison.Ordinal));
        Assert.Contains(reason, line, StringComparison.Ordinal);
        Assert.EndsWith(" failed.\n", output, StringComparison.Ordinal);
        // The other steps are still tried.
        Assert.Equal(5, output.Split('\n').Count(line => line.StartsWith("  ok ", StringComparison.Ordinal) || line.StartsWith("  FAIL ", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Smoke_JobNeverEnds_GivesUpAndShowsItsState()
    {
        await using ScriptedService service = (await ScriptedService.StartAsync()).Replace("GET /v1/jobs/job-1", 200, """{"status":"queued"}""");
        (int exitCode, string output) = await Script.RunBashAsync($"infra/smoke.sh {service.Url}", new Dictionary<string, string> { ["SMOKE_SECONDS"] = "10" });

        Assert.Equal(1, exitCode);
        Assert.Contains("/v1/jobs/job-1: not done after 10 s: {\"status\":\"queued\"}", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Smoke_NeverReady_GivesUpAndShowsHowFarItIs()
    {
        await using ScriptedService service = (await ScriptedService.StartAsync()).Replace("GET /healthz", 503, """{"status":"loading","bytes_loaded":5}""");
        (int exitCode, string output) = await Script.RunBashAsync($"infra/smoke.sh {service.Url}", new Dictionary<string, string> { ["SMOKE_SECONDS"] = "2" });

        Assert.Equal(1, exitCode);
        Assert.Contains("/healthz: still 503 after 2 s: {\"status\":\"loading\",\"bytes_loaded\":5}", output, StringComparison.Ordinal);
        Assert.EndsWith("1 failed.\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("not-an-address")]
    [InlineData("http://127.0.0.1:1 key more")]
    public async Task Smoke_WrongArguments_SaysHowToCallIt(string arguments)
    {
        (int exitCode, string output) = await Script.RunBashAsync($"infra/smoke.sh {arguments}");

        Assert.Equal(2, exitCode);
        Assert.StartsWith("usage: infra/smoke.sh URL [KEY]\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Smoke_WrongPatience_SaysWhatIsAllowed()
    {
        (int exitCode, string output) = await Script.RunBashAsync("infra/smoke.sh http://127.0.0.1:1", new Dictionary<string, string> { ["SMOKE_SECONDS"] = "1m" });

        Assert.Equal((2, "SMOKE_SECONDS is 1m; allowed are whole seconds from 1.\n"), (exitCode, output));
    }

    private static Task<(int ExitCode, string Output)> RunAsync(params string[] arguments) =>
        Script.RunBashAsync($"infra/smoke.sh {string.Join(' ', arguments)}", new Dictionary<string, string> { ["SMOKE_SECONDS"] = "60" });
}
