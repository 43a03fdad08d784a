using Microsoft.Extensions.Configuration;
using OpenTelemetry;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Gemma2.Service.Telemetry;

/// <summary>
/// Sends the app's spans where OpenTelemetry's own variables say (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c> and the others). Without them no library of OpenTelemetry's is loaded.
/// </summary>
internal sealed class TraceExport(IConfiguration configuration) : IDisposable
{
    private const string Service = "gemma2";

    private readonly Lock _lock = new();
    private TracerProvider? _provider;

    private bool IsWanted =>
        (IsSet("OTEL_EXPORTER_OTLP_ENDPOINT") || IsSet("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"))
        && !Is("OTEL_SDK_DISABLED", "true") && !Is("OTEL_TRACES_EXPORTER", "none");

    /// <summary>From here on spans are sent, if that is wanted.</summary>
    public void Start()
    {
        if (IsWanted)
            StartProvider();
    }

    /// <summary>Sends what was not sent yet.</summary>
    public void Dispose() => _provider?.Dispose();

    // A method of its own: whatever needs the libraries is not to be compiled before.
    private void StartProvider()
    {
        lock (_lock)
            _provider ??= Sdk.CreateTracerProviderBuilder()
                // The variables as the app reads its settings: from the environment, or from its command line.
                .ConfigureServices(services => services.AddSingleton(configuration))
                .ConfigureResource(resource => resource.AddService(configuration["OTEL_SERVICE_NAME"] ?? Service, serviceInstanceId: Environment.MachineName))
                .AddSource(StartupSpans.Source)
                .AddOtlpExporter()
                .Build();
    }

    private bool IsSet(string variable) => !string.IsNullOrWhiteSpace(configuration[variable]);

    private bool Is(string variable, string value) => string.Equals(configuration[variable], value, StringComparison.OrdinalIgnoreCase);
}
