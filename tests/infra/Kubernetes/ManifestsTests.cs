using System.Diagnostics;
using Gemma2.Functions.Configuration;
using Gemma2.Service.Http;
using Gemma2.Storage;
using k8s;
using k8s.Models;
using Microsoft.Extensions.Configuration;

namespace Gemma2.Infra.Tests.Kubernetes;

/// <summary>The manifests are what Kubernetes and KEDA know, fit to one another and to the app.</summary>
public sealed class ManifestsTests
{
    private static readonly V1PodSpec Pod = Manifests.Single<V1Deployment>().Spec.Template.Spec;

    private static V1Container Container => Pod.Containers.Single();

    [Fact]
    public void Files_AllOfThem_HoldObjectsOfKnownTypes()
    {
        IReadOnlyList<object> objects = Manifests.Read();

        Assert.Equal(
            ["Deployment", "Namespace", "ScaledObject", "Service", "ServiceAccount", "TriggerAuthentication"],
            objects.Cast<IKubernetesObject>().Select(one => one.Kind).Order());
        Assert.All(objects.Cast<IKubernetesObject<V1ObjectMeta>>(), one => Assert.False(string.IsNullOrEmpty(one.Metadata.Name)));
    }

    [Fact]
    public void Read_FieldThatDoesNotExist_IsAnError() => Assert.ThrowsAny<Exception>(() => KubernetesYaml.LoadAllFromString(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: gemma2\nspec:\n  replica: 1\n", strict: true));

    [Fact]
    public void Kustomization_Resources_AreAllFiles() => Assert.Equal(
        Manifests.Files.Select(Path.GetFileName),
        File.ReadLines(Path.Combine(Manifests.Folder, "kustomization.yaml")).SkipWhile(line => line != "resources:").Skip(1)
            .TakeWhile(line => line.StartsWith("  - ", StringComparison.Ordinal)).Select(line => line[4..]).Order());

    [Fact]
    public void Settings_OfTheContainer_AreAcceptedByTheApp()
    {
        var configuration = new ConfigurationManager();
        foreach ((string name, string value) in Manifests.Settings)
            configuration[name.Replace("__", ":", StringComparison.Ordinal)] = value.Replace("STORAGEACCOUNT", "account", StringComparison.Ordinal);
        V1EnvVar keys = Container.Env.Single(variable => variable.Name == "Gemma2__ApiKeys");
        configuration["Gemma2:ApiKeys"] = "tests-key-0123456789";

        Assert.Equal("gemma-2-2b-it", Gemma2OptionsReader.Read(configuration).Model);
        Assert.Contains("account", StorageConnection.FromSettings(key => configuration[key]).ToString(), StringComparison.Ordinal);
        Assert.Null(keys.Value);
        Assert.Equal("api-keys", keys.ValueFrom.SecretKeyRef.Name);
        Assert.Equal("settings", Container.EnvFrom.Single().ConfigMapRef.Name);
    }

    [Fact]
    public void Container_Rights_AreFew()
    {
        Assert.True(Pod.SecurityContext.RunAsNonRoot);
        Assert.False(Container.SecurityContext.AllowPrivilegeEscalation);
        Assert.True(Container.SecurityContext.ReadOnlyRootFilesystem);
        Assert.Equal(["ALL"], Container.SecurityContext.Capabilities.Drop);
        Assert.False(Manifests.Single<V1ServiceAccount>().AutomountServiceAccountToken);
    }

    [Fact]
    public void Container_Gpu_IsOneWithItsVulkanDriver()
    {
        Assert.Equal("1", Container.Resources.Limits["nvidia.com/gpu"].ToString());
        Assert.Equal("compute,utility,graphics", Container.Env.Single(variable => variable.Name == "NVIDIA_DRIVER_CAPABILITIES").Value);
    }

    [Fact]
    public void Probes_AllThree_AskForHealth()
    {
        V1Probe[] probes = [Container.StartupProbe, Container.ReadinessProbe, Container.LivenessProbe];

        Assert.All(probes, probe => Assert.Equal(HealthEndpoint.Route, probe.HttpGet.Path));
        Assert.All(probes, probe => Assert.Equal(Container.Ports.Single().Name, probe.HttpGet.Port.Value));
        Assert.True(Container.StartupProbe.PeriodSeconds * Container.StartupProbe.FailureThreshold >= 20 * 60);
        Assert.Equal(Container.Ports.Single().Name, Manifests.Single<V1Service>().Spec.Ports.Single().TargetPort.Value);
    }

    [Fact]
    public void Names_ReferredTo_Exist()
    {
        V1Deployment deployment = Manifests.Single<V1Deployment>();
        ScaledObject scaling = Manifests.Single<ScaledObject>();

        Assert.Equal(deployment.Metadata.Name, scaling.Spec.ScaleTargetRef.Name);
        Assert.Null(deployment.Spec.Replicas);
        Assert.All(scaling.Spec.Triggers, trigger => Assert.Equal(Manifests.Single<TriggerAuthentication>().Metadata.Name, trigger.AuthenticationRef.Name));
        Assert.Equal(Manifests.Single<V1ServiceAccount>().Metadata.Name, Pod.ServiceAccountName);
        Assert.Equal(deployment.Spec.Selector.MatchLabels, Manifests.Single<V1Service>().Spec.Selector);
        Assert.All(deployment.Spec.Selector.MatchLabels, label => Assert.Equal(label.Value, deployment.Spec.Template.Metadata.Labels[label.Key]));
    }

    [Fact]
    public void ScaledObject_Queues_AreAllOfTheApp()
    {
        ScaledObjectSpec scaling = Manifests.Single<ScaledObject>().Spec;

        Assert.Equal(StorageNames.Queues.Order(), scaling.Triggers.Select(trigger => trigger.Metadata["queueName"]).Order());
        Assert.All(scaling.Triggers, trigger =>
        {
            Assert.Equal("azure-queue", trigger.Type);
            Assert.Equal(["accountName", "queueLength", "queueLengthStrategy", "queueName"], trigger.Metadata.Keys.Order());
            Assert.Equal("all", trigger.Metadata["queueLengthStrategy"]);
        });
        Assert.Equal("azure-workload", Manifests.Single<TriggerAuthentication>().Spec.PodIdentity.Provider);
        Assert.Equal(0, scaling.MinReplicaCount);
    }

    [Fact]
    public void TriggerAuthentication_Identity_IsTheAppsOwn()
    {
        string? ofTheApp = Manifests.Single<V1ServiceAccount>().Metadata.Annotations["azure.workload.identity/client-id"];

        Assert.Equal(ofTheApp, Manifests.Single<TriggerAuthentication>().Spec.PodIdentity.IdentityId);
    }

    [Fact]
    public async Task Kustomization_Built_PutsAccountAndIdentityWhereKedaReadsThem()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/kubectl") || File.Exists("/usr/local/bin/kubectl"), "kubectl, which builds a kustomization, is not installed.");
        string folder = Directory.CreateTempSubdirectory("gemma2-kustomize-").FullName;
        try
        {
            foreach (string file in Directory.GetFiles(Manifests.Folder))
            {
                string text = (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).Replace("=STORAGEACCOUNT", "=stgemma2abc", StringComparison.Ordinal);
                if (Path.GetFileName(file) == "service-account.yaml") text = text.Replace(Guid.Empty.ToString(), "11111111-2222-3333-4444-555555555555", StringComparison.Ordinal);
                await File.WriteAllTextAsync(Path.Combine(folder, Path.GetFileName(file)), text, TestContext.Current.CancellationToken);
            }
            using var kubectl = Process.Start(new ProcessStartInfo("kubectl", ["kustomize", folder]) { RedirectStandardOutput = true })!;
            string output = await kubectl.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
            await kubectl.WaitForExitAsync(TestContext.Current.CancellationToken);
            IReadOnlyList<object> objects = Manifests.Read(output);

            Assert.Equal(0, kubectl.ExitCode);
            Assert.Equal("11111111-2222-3333-4444-555555555555", objects.OfType<TriggerAuthentication>().Single().Spec.PodIdentity.IdentityId);
            Assert.All(objects.OfType<ScaledObject>().Single().Spec.Triggers, trigger => Assert.Equal("stgemma2abc", trigger.Metadata["accountName"]));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
