using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>A model that a job in the cloud pulls: the job that infra/deploy.sh makes, and what the job runs, with the real curl against a server like Hugging Face.</summary>
public sealed class PullModelTests : IAsyncLifetime
{
    private const string Script = "infra/container/entrypoint/pull-model.sh";

    private readonly FakeAzure _azure = new();
    private readonly Dictionary<string, string> _files = new()
    {
        ["config.json"] = "{}",
        ["tokenizer.model"] = "words",
        ["model-00001-of-00001.safetensors"] = "weights",
        ["README.md"] = "read me",
        ["original/model.safetensors"] = "other weights",
        ["q4.gguf"] = "quantized",
        ["split-00001-of-00002.gguf"] = "half",
        ["split-00002-of-00002.gguf"] = "another half",
    };

    private readonly Dictionary<string, object> _announced = [];
    private readonly List<string> _requests = [];
    private WebApplication _server = null!;
    private string? _token;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _server = builder.Build();
        _server.Urls.Add("http://127.0.0.1:0");
        _server.Run(AnswerAsync);
        await _server.StartAsync(TestContext.Current.CancellationToken);
        Directory.CreateDirectory(_azure.PathOf("folder"));
        _azure.Variable("HF_ENDPOINT", _server.Urls.Single()).Variable("PULL_FOLDER", _azure.PathOf("folder")).Variable("AzureWebJobsStorage__accountName", "stgemma2abc");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _azure.Dispose();
    }

    [Fact]
    public async Task Deploy_ModelOfHuggingFace_IsPulledByAJobInTheEnvironment()
    {
        _azure.Variable("HF_TOKEN", "hf_Secret");
        (int exitCode, string output) = await _azure.DeployAsync("--location", "swedencentral", "--model", "hf:google/Gemma-2-2b-it", "--image-tag", "v1", "--no-smoke");

        Assert.True(exitCode == 0, output);
        Assert.Contains("GEMMA2_MODEL=gemma-2-2b-it", _azure.Parameters);
        string[] calls = [.. _azure.Calls.Where(call => call.Contains("job", StringComparison.Ordinal)).Select(call => call.Replace(" [keys]", "", StringComparison.Ordinal))];
        string job = $"/subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial/providers/Microsoft.App/jobs/pull-trial?api-version=2026-07-01";
        Assert.Equal(
            [
                $"az rest --method put --url {job} --headers Content-Type=application/json --body @- --output none",
                $"az rest --method get --url {job} --query properties.provisioningState --output tsv",
                "az containerapp job start --name pull-trial --resource-group rg-trial --query name --output tsv",
                "az containerapp job execution show --name pull-trial --resource-group rg-trial --job-execution-name pull-trial-abc --query properties.status --output tsv",
                "az containerapp job delete --name pull-trial --resource-group rg-trial --yes --output none",
            ],
            calls);
        JsonElement properties = JsonDocument.Parse(File.ReadAllText(_azure.PathOf("job"))).RootElement.GetProperty("properties");
        JsonElement container = properties.GetProperty("template").GetProperty("containers")[0];
        Assert.Equal($"/subscriptions/{FakeAzure.Subscription}/resourceGroups/rg-trial/providers/Microsoft.App/managedEnvironments/cae-gemma2-abc", properties.GetProperty("environmentId").GetString());
        Assert.Equal("crgemma2abc.azurecr.io/gemma2-functions:v1", container.GetProperty("image").GetString());
        Assert.Equal(["google/Gemma-2-2b-it", "gemma-2-2b-it"], container.GetProperty("args").EnumerateArray().Select(argument => argument.GetString()));
        Assert.Equal("hf_Secret", properties.GetProperty("configuration").GetProperty("secrets")[0].GetProperty("value").GetString());
        Assert.Contains(container.GetProperty("env").EnumerateArray(), variable => variable.GetProperty("name").GetString() == "HF_TOKEN" && variable.GetProperty("secretRef").GetString() == "hf-token");
        Assert.DoesNotContain("Secret", output + string.Concat(_azure.Calls), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deploy_JobFails_ShowsItsLastLinesAndEnds()
    {
        _azure.With("job-status", "Failed\n");
        (int exitCode, string output) = await _azure.DeployAsync("--location", "swedencentral", "--model", "hf:google/gemma-2-2b-it", "--model-name", "small", "--image-tag", "v1", "--no-smoke");

        Assert.Equal(1, exitCode);
        Assert.Contains("pull: error: the licence is not accepted\nerror: the job pull-trial-abc ended as failed; its last lines are above.", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("job delete", StringComparison.Ordinal) || call.Contains("[stage first]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pull_Safetensors_DownloadsWhatAModelNeedsAndPushesIt()
    {
        (int exitCode, string output) = await PullAsync("google/gemma");

        Assert.True(exitCode == 0, output);
        Assert.Equal(["config.json", "model-00001-of-00001.safetensors", "tokenizer.model"], Downloaded);
        Assert.Equal("weights", File.ReadAllText(_azure.PathOf("folder/model-00001-of-00001.safetensors")));
        Assert.Equal([$"gemma2 push {_azure.PathOf("folder")} small [account stgemma2abc]"], _azure.Calls);
    }

    [Theory]
    [InlineData("google/gemma:q4.gguf", "q4.gguf")]
    [InlineData("google/gemma@v2:split-00001-of-00002.gguf", "split-00001-of-00002.gguf", "split-00002-of-00002.gguf")]
    public async Task Pull_Gguf_DownloadsThatFileWithAllItsParts(string source, params string[] files)
    {
        (int exitCode, string output) = await PullAsync(source);

        Assert.True(exitCode == 0, output);
        Assert.Equal(files, Downloaded);
        if (source.Contains('@', StringComparison.Ordinal)) Assert.All(_requests, request => Assert.Contains("/v2", request, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Pull_LicensedModel_NeedsTheToken()
    {
        _token = "hf_Secret";
        (int without, string withoutOutput) = await PullAsync("google/gemma");
        (int with, string withOutput) = await _azure.Variable("HF_TOKEN", "hf_Secret").RunAsync(Script, "google/gemma", "small");

        Assert.Equal(1, without);
        Assert.EndsWith($"pull: error: google/gemma is not open to this token (status 401): accept the licence on {_server.Urls.Single()}/google/gemma, and give HF_TOKEN of that account.\n", withoutOutput, StringComparison.Ordinal);
        Assert.True(with == 0, withOutput);
        Assert.DoesNotContain("Secret", withOutput, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("google/other", "there is no model google/other at the revision main on")]
    [InlineData("google/gemma:q8.gguf", "google/gemma has no q8.gguf.")]
    public async Task Pull_NotThere_SaysSo(string source, string reason)
    {
        (int exitCode, string output) = await PullAsync(source);

        Assert.Equal(1, exitCode);
        Assert.Contains("pull: error: " + reason, output, StringComparison.Ordinal);
        Assert.Empty(_azure.Calls);
    }

    [Fact]
    public async Task Pull_WrongBytes_AreNotPushed()
    {
        _announced["q4.gguf"] = new { type = "file", path = "q4.gguf", size = 9, lfs = new { oid = new string('0', 64) } };
        (int exitCode, string output) = await PullAsync("google/gemma:q4.gguf");

        Assert.Equal(1, exitCode);
        Assert.Contains("pull: error: the SHA-256 of q4.gguf is not the one that", output, StringComparison.Ordinal);
        Assert.Empty(_azure.Calls);
    }

    [Fact]
    public async Task Pull_LargerThanTheDisk_SaysSoBeforeItDownloads()
    {
        _announced["q4.gguf"] = new { type = "file", path = "q4.gguf", size = 1L << 55, lfs = new { oid = new string('0', 64) } };
        (int exitCode, string output) = await PullAsync("google/gemma:q4.gguf");

        Assert.Equal(1, exitCode);
        Assert.Matches("pull: error: the files take [0-9]+ MB, and this container has [0-9]+ MB: push this model from a machine with a larger disk\\.\n$", output);
        Assert.Single(_requests);
    }

    [Theory]
    [InlineData("gemma")]
    [InlineData("google/gemma:weights.bin")]
    [InlineData("google/gemma; true")]
    public async Task Pull_WrongArguments_SaysHowToCallIt(string source)
    {
        (int exitCode, string output) = await PullAsync(source);

        Assert.Equal(2, exitCode);
        Assert.StartsWith("usage: pull-model.sh ", output, StringComparison.Ordinal);
    }

    private IEnumerable<string> Downloaded => Directory.GetFiles(_azure.PathOf("folder")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal);

    private Task<(int ExitCode, string Output)> PullAsync(string source) => _azure.RunAsync(Script, source, "small");

    private async Task AnswerAsync(HttpContext http)
    {
        string path = http.Request.Path.Value!;
        lock (_requests) _requests.Add(path);
        if (_token is not null && http.Request.Headers.Authorization != $"Bearer {_token}") http.Response.StatusCode = 401;
        else if (path.StartsWith("/api/models/google/gemma/tree/", StringComparison.Ordinal)) await http.Response.WriteAsJsonAsync(_files.Select(Announce));
        else if (path.StartsWith("/google/gemma/resolve/", StringComparison.Ordinal) && _files.TryGetValue(path.Split('/', 6)[5], out string? content)) await http.Response.WriteAsync(content);
        else http.Response.StatusCode = 404;
    }

    // Hugging Face tells the SHA-256 of large files alone.
    private object Announce(KeyValuePair<string, string> file)
    {
        if (_announced.TryGetValue(file.Key, out object? other)) return other;
        byte[] bytes = System.Text.Encoding.UTF8.GetBytes(file.Value);
        return file.Key.EndsWith(".json", StringComparison.Ordinal)
            ? new { type = "file", path = file.Key, size = bytes.Length }
            : new { type = "file", path = file.Key, size = bytes.Length, lfs = new { oid = Convert.ToHexStringLower(SHA256.HashData(bytes)) } };
    }
}
