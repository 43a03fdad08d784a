using k8s;
using k8s.Models;

namespace Gemma2.Infra.Tests.Kubernetes;

// The fields of KEDA's own objects that our manifests may use (https://keda.sh/docs/latest/reference/scaledobject-spec/): reading is strict, so a field
// that is misspelt or not listed here fails.

internal sealed class ScaledObject : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public ScaledObjectSpec Spec { get; set; } = new();
}

internal sealed class ScaledObjectSpec
{
    public NamedReference ScaleTargetRef { get; set; } = new();

    public int? PollingInterval { get; set; }

    public int? CooldownPeriod { get; set; }

    public int? MinReplicaCount { get; set; }

    public int? MaxReplicaCount { get; set; }

    public List<ScaleTrigger> Triggers { get; set; } = [];
}

internal sealed class ScaleTrigger
{
    public string Type { get; set; } = "";

    public NamedReference AuthenticationRef { get; set; } = new();

    /// <summary>The scaler's own options: texts all, also the numbers.</summary>
    public Dictionary<string, string> Metadata { get; set; } = [];
}

internal sealed class TriggerAuthentication : IKubernetesObject<V1ObjectMeta>
{
    public string ApiVersion { get; set; } = "";

    public string Kind { get; set; } = "";

    public V1ObjectMeta Metadata { get; set; } = new();

    public TriggerAuthenticationSpec Spec { get; set; } = new();
}

internal sealed class TriggerAuthenticationSpec
{
    public PodIdentity PodIdentity { get; set; } = new();
}

internal sealed class PodIdentity
{
    public string Provider { get; set; } = "";

    /// <summary>The client id of the identity as which KEDA's operator looks; without it, the operator's own.</summary>
    public string? IdentityId { get; set; }
}

internal sealed class NamedReference
{
    public string Name { get; set; } = "";
}
