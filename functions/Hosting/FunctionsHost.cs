using System.Globalization;
using System.Net;
using Gemma2.Functions.Configuration;

namespace Gemma2.Functions.Hosting;

/// <summary>Whether this process is the custom handler of an Azure Functions host, and how the host talks to it.</summary>
internal sealed record FunctionsHost
{
    private const string PortVariable = "FUNCTIONS_CUSTOMHANDLER_PORT";

    /// <summary>The loopback port that the host asks for; null where there is no host.</summary>
    public int? Port { get; private init; }

    public bool IsPresent => Port is not null;

    /// <summary>Reads what the host says in the environment.</summary>
    /// <exception cref="ConfigurationException">The port is no port.</exception>
    public static FunctionsHost Read(IConfiguration configuration)
    {
        if (configuration[PortVariable] is not { Length: > 0 } value)
            return new FunctionsHost();
        return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int port) && port is > 0 and <= IPEndPoint.MaxPort
            ? new FunctionsHost { Port = port }
            : throw new ConfigurationException($"{PortVariable} is '{value}'; allowed are ports from 1 to {IPEndPoint.MaxPort}.");
    }
}
