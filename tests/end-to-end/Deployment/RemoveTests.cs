namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/remove.sh removes what a deployment made, and nothing else.</summary>
public sealed class RemoveTests : IDisposable
{
    private readonly FakeAzure _azure = new();

    [Fact]
    public async Task Remove_GroupThatTheDeploymentMade_DeletesIt()
    {
        await _azure.WithDeploymentAsync();
        (int exitCode, string output) = await _azure.RunAsync("infra/remove.sh", "--name", "trial", "--yes");

        Assert.True(exitCode == 0, output);
        Assert.Equal("az group delete --name rg-trial --yes", _azure.Calls[^1]);
        Assert.DoesNotContain("Secret", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Remove_Stack_DeletesTheStackAndNotTheGroup()
    {
        (await _azure.WithDeploymentAsync()).With("tags", """{"gemma2-stack": "true"}""");
        (int exitCode, string output) = await _azure.RunAsync("infra/remove.sh", "--name", "trial", "--yes", "--subscription", "other");

        Assert.True(exitCode == 0, output);
        Assert.Equal("az stack group delete --resource-group rg-trial --name gemma2-trial --action-on-unmanage deleteResources --yes --output none --subscription other", _azure.AllOfCalls[^1]);
    }

    [Fact]
    public async Task Remove_GroupThatWasThereBefore_IsLeftAlone()
    {
        (await _azure.WithDeploymentAsync()).With("tags", """{"team": "models"}""");
        (int exitCode, string output) = await _azure.RunAsync("infra/remove.sh", "--name", "trial", "--yes");

        Assert.Equal(1, exitCode);
        Assert.Contains("error: rg-trial was there before, so it may hold what is not ours", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("delete", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Remove_NotConfirmed_RemovesNothing()
    {
        await _azure.WithDeploymentAsync();
        (int exitCode, string output) = await _azure.RunAsync("infra/remove.sh", "--name", "trial");

        Assert.Equal(1, exitCode);
        Assert.EndsWith("To go on, type the name trial: error: nothing was removed.\n", output, StringComparison.Ordinal);
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("delete", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(1, "error: there is no resource group rg-trial in this subscription.\n", "--name", "trial")]
    [InlineData(1, "error: the name is ''; allowed are", "--yes")]
    [InlineData(2, "error: unknown argument '--all'.\n", "--all")]
    [InlineData(2, "error: --name needs a value.\n", "--name")]
    public async Task Remove_NothingThereOrWrongArguments_SaysSo(int expected, string reason, params string[] arguments)
    {
        (int exitCode, string output) = await _azure.RunAsync(["infra/remove.sh", .. arguments]);

        Assert.Equal(expected, exitCode);
        Assert.Contains(reason, output, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();
}
