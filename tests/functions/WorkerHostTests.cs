using Gemma2.Functions.Hosts;
using Gemma2.Functions.Hosts.Worker;

namespace Gemma2.Functions.Tests;

/// <summary>How a worker is put together. What it does under a host is for the tests that play one.</summary>
public sealed class WorkerHostTests
{
    [Theory]
    [InlineData(false, null)]
    [InlineData(false, "AzureWebJobs:Sweep:Disabled=false")]
    [InlineData(false, "AzureWebJobs:Http:Disabled=true")]
    [InlineData(true, "AzureWebJobs:Sweep:Disabled=true")]
    [InlineData(true, "AzureWebJobs:Sweep:Disabled=1")]
    [InlineData(true, "AzureWebJobs.Sweep.Disabled=True")]
    public void Build_SweepFunctionTurnedOff_SweepsForItself(bool expected, string? setting)
    {
        string[] arguments =
        [
            "--functions-uri=http://127.0.0.1:1/", "--functions-worker-id=1", "--functions-request-id=1", "--Gemma2:Model=nano",
            "--AzureWebJobsStorage=UseDevelopmentStorage=true", "--DOTNET_RUNNING_IN_CONTAINER=", "--CONTAINER_APP_NAME=",
        ];
        bool sweeps = false;

        WorkerHost.Build(setting is null ? arguments : [.. arguments, "--" + setting], services => sweeps = services.Any(service => service.ImplementationType == typeof(SweepTimer))).Dispose();

        Assert.Equal(expected, sweeps);
    }

    [Theory]
    [InlineData(true, "--functions-uri", "http://127.0.0.1:1/")]
    [InlineData(true, "--functions-uri=http://127.0.0.1:1/")]
    [InlineData(false)]
    [InlineData(false, "--urls", "http://127.0.0.1:0")]
    [InlineData(false, "--functions-uris=x")]
    public void IsWanted_Arguments_AreAHostsOrNot(bool expected, params string[] arguments) => Assert.Equal(expected, WorkerHost.IsWanted(arguments));
}
