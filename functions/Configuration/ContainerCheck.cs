using Gemma2.Service.Options;

namespace Gemma2.Functions.Configuration;

/// <summary>What is different in a container: it has no loopback clients, so that without keys nobody could use it, or, behind a proxy, everybody.</summary>
internal static class ContainerCheck
{
    // Set by .NET's own images, and by Azure Container Apps.
    private const string DotnetVariable = "DOTNET_RUNNING_IN_CONTAINER";
    private const string ContainerAppsVariable = "CONTAINER_APP_NAME";

    /// <summary>Throws where the app runs in a container and anybody could use it, unless that is meant.</summary>
    /// <exception cref="ConfigurationException">Says what to set.</exception>
    public static void CheckKeys(Gemma2Options options, IConfiguration configuration)
    {
        if (options.ApiKeys.Count == 0 && !options.AllowAnonymous && IsOne(configuration))
        {
            throw new ConfigurationException(
                "Gemma2__ApiKeys is not set, and this is a container: set keys, or Gemma2__AllowAnonymous=true where something in front decides who may call.");
        }
    }

    private static bool IsOne(IConfiguration configuration) =>
        configuration[DotnetVariable] is "1" || (bool.TryParse(configuration[DotnetVariable], out bool isOne) && isOne) || !string.IsNullOrEmpty(configuration[ContainerAppsVariable]);
}
