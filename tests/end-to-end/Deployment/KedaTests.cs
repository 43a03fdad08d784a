namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>infra/kubernetes/keda.sh: KEDA's operator gets the right to look into the app's queues.</summary>
public sealed class KedaTests : IDisposable
{
    private const string Script = "infra/kubernetes/keda.sh";

    private readonly FakeAzure _azure = new();

    [Fact]
    public async Task Keda_FreshCluster_FederatesAppAndOperatorAndRestartsIt()
    {
        (int exitCode, string output) = await RunAsync();

        Assert.True(exitCode == 0, output);
        Assert.Equal("the-client\n", output);
        Assert.Equal(
            [
                "az aks show --resource-group rg-cluster --name cluster --query oidcIssuerProfile.issuerUrl --output tsv",
                "az identity show --resource-group rg-trial --name id-gemma2-abc --query clientId --output tsv",
                "kubectl get serviceaccount keda-operator --namespace kube-system --output name",
                Federation("gemma2", "gemma2:gemma2"),
                Federation("gemma2-keda", "kube-system:keda-operator"),
                "kubectl get serviceaccount keda-operator --namespace kube-system --output jsonpath={.metadata.annotations.azure\\.workload\\.identity/client-id}",
                "kubectl annotate serviceaccount keda-operator --namespace kube-system --overwrite azure.workload.identity/client-id=the-client",
                "kubectl rollout restart deployment/keda-operator --namespace kube-system",
                "kubectl rollout status deployment/keda-operator --namespace kube-system --timeout 5m",
            ],
            _azure.Calls);
    }

    [Fact]
    public async Task Keda_OperatorOfOthers_KeepsItsIdentity()
    {
        (int exitCode, string output) = await _azure.With("annotation", "somebody-else").Variable("KEDA_NAMESPACE", "keda").Variable("AZURE_SUBSCRIPTION_ID", "other").RunAsync(Arguments);

        Assert.True(exitCode == 0, output);
        Assert.Contains("KEDA acts as somebody-else for others, and keeps that; for this app it acts as the-client, which scaled-object.yaml names.\n", output, StringComparison.Ordinal);
        Assert.Contains(_azure.Calls, call => call.Contains("--subject system:serviceaccount:keda:keda-operator", StringComparison.Ordinal));
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("annotate", StringComparison.Ordinal));
        Assert.All(_azure.Calls.Where(call => call.StartsWith("az ", StringComparison.Ordinal)), call => Assert.EndsWith(" --subscription other", call, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("issuer", "None\n", "error: the cluster cluster has no OIDC issuer: az aks update --resource-group rg-cluster --name cluster --enable-oidc-issuer --enable-workload-identity\n")]
    [InlineData("no-operator", "", "error: KEDA's operator is not in the namespace kube-system of the cluster that kubectl is connected to.\n")]
    public async Task Keda_ClusterIsNotReady_SaysWhatIsMissingAndChangesNothing(string file, string content, string reason)
    {
        _azure.With(file, content);
        (int exitCode, string output) = await RunAsync();

        Assert.Equal((1, reason), (exitCode, output));
        Assert.DoesNotContain(_azure.Calls, call => call.Contains("create", StringComparison.Ordinal) || call.Contains("annotate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Keda_WrongArguments_SaysHowToCallIt()
    {
        (int exitCode, string output) = await _azure.RunAsync(Script, "rg-cluster");

        Assert.Equal(2, exitCode);
        Assert.StartsWith("usage: infra/kubernetes/keda.sh ", output, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _azure.Dispose();

    private static string[] Arguments { get; } = [Script, "rg-cluster", "cluster", "rg-trial", "id-gemma2-abc"];

    private static string Federation(string name, string account) =>
        $"az identity federated-credential create --resource-group rg-trial --identity-name id-gemma2-abc --issuer https://issuer.example/1/ --name {name} --subject system:serviceaccount:{account} --audiences api://AzureADTokenExchange --output none";

    private Task<(int ExitCode, string Output)> RunAsync() => _azure.RunAsync(Arguments);
}
