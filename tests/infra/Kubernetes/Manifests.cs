using Gemma2.Functions.Tests;
using k8s;

namespace Gemma2.Infra.Tests.Kubernetes;

/// <summary>The manifests in infra/kubernetes, read strictly: a field that its type does not have is an error.</summary>
internal static class Manifests
{
    private static readonly Dictionary<string, Type> KedaTypes = new()
    {
        ["keda.sh/v1alpha1/ScaledObject"] = typeof(ScaledObject),
        ["keda.sh/v1alpha1/TriggerAuthentication"] = typeof(TriggerAuthentication),
    };

    public static string Folder { get; } = Path.Combine(Repository.Root, "infra/kubernetes");

    /// <summary>The files with objects for the cluster: all but kustomize's own.</summary>
    public static IEnumerable<string> Files => Directory.GetFiles(Folder, "*.yaml").Where(file => Path.GetFileName(file) != "kustomization.yaml").Order();

    /// <summary>Every object of every file.</summary>
    public static IReadOnlyList<object> Read() => [.. Files.SelectMany(file => Read(File.ReadAllText(file)))];

    /// <summary>Every object of a text.</summary>
    public static IReadOnlyList<object> Read(string text) => KubernetesYaml.LoadAllFromString(text, KedaTypes, strict: true);

    /// <summary>The only object of a type.</summary>
    public static T Single<T>() => Read().OfType<T>().Single();

    /// <summary>The settings that become the container's environment.</summary>
    public static IReadOnlyDictionary<string, string> Settings { get; } = File.ReadLines(Path.Combine(Folder, "settings.env"))
        .Where(line => line.Length > 0 && !line.StartsWith('#')).Select(line => line.Split('=', 2)).ToDictionary(parts => parts[0], parts => parts[1]);
}
