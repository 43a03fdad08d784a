using System.Diagnostics;
using Gemma2.Functions.Configuration;
using Gemma2.Functions.Hosts.Standalone;
using Microsoft.AspNetCore.Builder;

namespace Gemma2.Functions.Tests;

/// <summary>In a container the app does not start without keys, unless that is meant.</summary>
public sealed class ContainerTests(PublishedApp published)
{
    private const string Message =
        "Gemma2__ApiKeys is not set, and this is a container: set keys, or Gemma2__AllowAnonymous=true where something in front decides who may call.";

    [Theory]
    [InlineData("--DOTNET_RUNNING_IN_CONTAINER=true")]
    [InlineData("--DOTNET_RUNNING_IN_CONTAINER=1")]
    [InlineData("--CONTAINER_APP_NAME=app")]
    public async Task Build_ContainerWithoutKeys_IsRefused(string container)
    {
        Assert.Equal(Message, Assert.Throws<ConfigurationException>(() => Build(container)).Message);
        await using WebApplication _ = Build(container, "--Gemma2:ApiKeys=key-0123456789abcdef");
        await using WebApplication __ = Build(container, "--Gemma2:AllowAnonymous=true");
    }

    [Theory]
    [InlineData("--DOTNET_RUNNING_IN_CONTAINER=false")]
    [InlineData("--CONTAINER_APP_NAME=")]
    public async Task Build_NoContainer_NeedsNoKeys(string setting)
    {
        await using WebApplication _ = Build(setting);
    }

    [Fact]
    public async Task Start_ContainerWithoutKeys_EndsWithOneLine()
    {
        using Process process = published.Start(new() { ["Gemma2__Model"] = "./nano", ["CONTAINER_APP_NAME"] = "app" });

        (_, string error) = await PublishedApp.ReadAsync(process);

        Assert.NotEqual(0, process.ExitCode);
        Assert.Equal(Message, error.TrimEnd());
    }

    private static WebApplication Build(params string[] args) =>
        StandaloneHost.Build(["--Gemma2:Model=./nano", "--DOTNET_RUNNING_IN_CONTAINER=", "--CONTAINER_APP_NAME=", .. args]);
}
