using System.Text.Json;

namespace Gemma2.Infra.Tests.Bicep;

/// <summary>What a deployment would make: the resources with all parameters filled in. What only Azure knows stays an expression in brackets.</summary>
internal sealed class Deployment(string snapshot)
{
    private const string AppType = "Microsoft.App/containerApps";

    private readonly JsonElement _root = JsonElement.Parse(snapshot);

    /// <summary>The snapshot as the Bicep CLI writes it.</summary>
    public string Snapshot => snapshot;

    public IEnumerable<JsonElement> Resources => _root.GetProperty("predictedResources").EnumerateArray();

    public IEnumerable<JsonProperty> Outputs => _root.GetProperty("outputs").EnumerateObject();

    /// <summary>The app; absent in the first stage.</summary>
    public bool HasApp => Of(AppType).Any();

    public JsonElement App => Single(AppType);

    public JsonElement Template => App.GetProperty("properties").GetProperty("template");

    public JsonElement Container => Template.GetProperty("containers").EnumerateArray().First();

    public JsonElement Scale => Template.GetProperty("scale");

    /// <summary>The container's environment: values, or null where the value is a secret's.</summary>
    public IReadOnlyDictionary<string, string?> Environment => Container.GetProperty("env").EnumerateArray()
        .ToDictionary(variable => variable.GetProperty("name").GetString()!, variable => variable.TryGetProperty("value", out JsonElement value) ? value.GetString() : null);

    public IEnumerable<JsonElement> Of(string type) => Resources.Where(resource => resource.GetProperty("type").GetString() == type);

    public JsonElement Single(string type) => Of(type).Single();

    /// <summary>A resource's properties.</summary>
    public static JsonElement Properties(JsonElement resource) => resource.GetProperty("properties");

    /// <summary>The part of a service that a private endpoint is of.</summary>
    public static string PrivateGroup(JsonElement endpoint) => Properties(endpoint).GetProperty("privateLinkServiceConnections").EnumerateArray().Single()
        .GetProperty("properties").GetProperty("groupIds").EnumerateArray().Single().GetString()!;

    /// <summary>The last part of a resource's name.</summary>
    public static string Name(JsonElement resource) => resource.GetProperty("name").GetString()!.Split('/')[^1];
}
