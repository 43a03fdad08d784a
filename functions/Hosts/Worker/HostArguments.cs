using Gemma2.Functions.Configuration;

namespace Gemma2.Functions.Hosts.Worker;

/// <summary>What a Functions host says to a worker that it starts.</summary>
internal static class HostArguments
{
    /// <summary>Where the host is to be reached.</summary>
    public const string HostUri = "functions-uri";

    private const string WorkerId = "functions-worker-id";
    private const string RequestId = "functions-request-id";

    /// <summary>Throws where something is missing or wrong, which the worker's library would meet without saying what.</summary>
    /// <exception cref="ConfigurationException">Says what.</exception>
    public static void Check(IConfiguration configuration)
    {
        if (!Uri.TryCreate(configuration[HostUri], UriKind.Absolute, out Uri? uri) || uri.Scheme != Uri.UriSchemeHttp)
            throw new ConfigurationException($"--{HostUri} is '{configuration[HostUri]}'; allowed: the http address of the Functions host that starts this worker.");
        foreach (string name in (string[])[WorkerId, RequestId])
            if (string.IsNullOrEmpty(configuration[name]))
                throw new ConfigurationException($"--{HostUri} is given, which makes this process the worker of a Functions host, but --{name} is not.");
    }
}
