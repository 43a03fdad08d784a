using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Service.Lifetime;
using Gemma2.Service.Model;
using Gemma2.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Gemma2.Functions.Tests.Readiness;

/// <summary>Loads that fail: what is waited out, and what ends the process.</summary>
public sealed class LoadRetryTests
{
    private static readonly LoadRetry Quick = new()
    {
        HasStorage = true,
        IsModelStored = true,
        FirstWait = TimeSpan.FromMilliseconds(20),
        LongestWait = TimeSpan.FromMilliseconds(40),
        DeviceTries = 3,
    };

    private static readonly ScriptedEngine Engine = new(Vocabulary.Tokenizer);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Failures; whether they are waited out with storage and a model there, with storage alone, and with neither.</summary>
    public static TheoryData<string, bool, bool, bool> Failures => new()
    {
        { "storage", true, true, false },
        { "model", true, false, false },
        { "device lost", true, true, true },
        { "no device", false, false, false },
        { "setting", false, false, false },
        { "defect", false, false, false },
    };

    [Theory]
    [MemberData(nameof(Failures))]
    public void After_Failure_WaitsWhereThatCanHelp(string failure, bool both, bool storageAlone, bool neither)
    {
        Assert.Equal(both, Quick.After(Make(failure), 1) is not null);
        Assert.Equal(storageAlone, (Quick with { IsModelStored = false }).After(Make(failure), 1) is not null);
        Assert.Equal(neither, (Quick with { IsModelStored = false, HasStorage = false }).After(Make(failure), 1) is not null);
    }

    [Fact]
    public void After_ManyTries_WaitsLongerUpToALimit()
    {
        var retry = new LoadRetry { HasStorage = true };
        TimeSpan[] waits = [.. Enumerable.Range(1, 2000).Select(tries => retry.After(new StorageException("away"), tries)!.Value)];

        Assert.All(waits, wait => Assert.InRange(wait, TimeSpan.FromSeconds(0.75), TimeSpan.FromSeconds(30)));
        Assert.True(waits[^1] > TimeSpan.FromSeconds(22));
        Assert.True(waits[0] < TimeSpan.FromSeconds(1.1));
    }

    [Fact]
    public async Task Load_StorageAway_IsTriedAgainAndSaysWhy()
    {
        var gate = new TaskCompletionSource<Backend.Engine.IInferenceEngine>(TaskCreationOptions.RunContinuationsAsynchronously);
        var loader = new PlayedLoader(PlayedLoader.Fails(Make("storage")), PlayedLoader.Fails(Make("storage")), PlayedLoader.Waits(gate.Task));
        await using TestApp app = await StartAsync(loader, Quick, "Gemma2:StartupWaitSeconds=0");
        while (loader.Loads < 3)
            await Task.Delay(10, Cancellation);

        using HttpResponseMessage health = await app.Client.GetAsync("/healthz", Cancellation);
        using HttpResponseMessage early = await app.PostAsync("/v1/completions", """{"model":"scripted","prompt":"Hi"}""");
        JsonElement failure = JsonElement.Parse(await health.Content.ReadAsStringAsync(Cancellation)).GetProperty("last_failure");

        Assert.Equal(503, (int)health.StatusCode);
        Assert.Equal(("away: say why.", 2), (failure.GetProperty("message").GetString(), failure.GetProperty("tries").GetInt32()));
        Assert.True(failure.GetProperty("next_try_at").GetInt64() >= failure.GetProperty("at").GetInt64());
        Assert.Contains("2 tries failed, the last because: away: say why", await early.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        gate.SetResult(Engine);
        await app.App.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(Cancellation);
        Assert.Equal("""{"status":"ready","model":"scripted"}""", await app.Client.GetStringAsync("/healthz", Cancellation));
        Assert.Null(app.App.Services.GetRequiredService<ModelHost>().LastFailure);
    }

    [Fact]
    public async Task Load_DamagedModel_IsReadAFewTimesThenWhenThereIsAnother()
    {
        var loader = new PlayedLoader([.. Enumerable.Repeat(PlayedLoader.Fails(Make("model")), Quick.ReadsOfAVersion), PlayedLoader.Gives(Engine)]);
        await using TestApp app = await StartAsync(loader, Quick);
        while (loader.Loads < Quick.ReadsOfAVersion)
            await Task.Delay(10, Cancellation);

        // Many waits long.
        await Task.Delay(TimeSpan.FromMilliseconds(400), Cancellation);
        Assert.Equal(Quick.ReadsOfAVersion, loader.Loads);
        loader.Version = "two";

        await app.App.Services.GetRequiredService<ModelHost>().WaitForEngineAsync(Cancellation);
        Assert.Equal(Quick.ReadsOfAVersion + 1, loader.Loads);
    }

    [Theory]
    [InlineData("device lost", 3)]
    [InlineData("no device", 1)]
    [InlineData("setting", 1)]
    [InlineData("defect", 1)]
    public async Task Load_FailureThatStays_EndsTheProcessWithAnExitCode(string failure, int tries)
    {
        var loader = new PlayedLoader(PlayedLoader.Fails(Make(failure)));
        await using TestApp app = await StartAsync(loader, Quick);

        await app.App.WaitForShutdownAsync(Cancellation);

        Assert.Equal(tries, loader.Loads);
        Assert.NotEqual(0, app.App.Services.GetRequiredService<FatalStop>().ExitCode);
    }

    private static Exception Make(string failure) => failure switch
    {
        "storage" => new StorageException("away: say why."),
        "model" => new ModelException("damaged"),
        "device lost" => new DeviceException("lost") { MayPass = true },
        "no device" => new DeviceException("none"),
        "setting" => new InvalidRequestException("ContextLength", "too long"),
        _ => new InvalidOperationException("defect"),
    };

    private static Task<TestApp> StartAsync(PlayedLoader loader, LoadRetry retry, params string[] settings) =>
        TestApp.StartLoadingAsync(loader, services => services.AddSingleton(retry), settings);
}
