using System.Diagnostics.Metrics;
using Gemma2.Service.Model;
using Gemma2.Service.Telemetry;
using OpenTelemetry;
using OpenTelemetry.Metrics;

namespace Gemma2.Service.Http.Metrics;

/// <summary>
/// Writes what the app's instruments say. OpenTelemetry does it, and is loaded by the first request for it: a start does not pay for it. So what has to count from the start on is an observable
/// instrument, over a count that its owner keeps anyway.
/// </summary>
internal sealed class PrometheusExport : IDisposable
{
    /// <summary>The name under which the app has its instruments.</summary>
    private const string Name = "Gemma2";

    private readonly Meter _meter = new(Name);
    private readonly Lazy<Exporter> _exporter;

    public PrometheusExport(IServiceProvider services, Startups startups, ModelHost model) => _exporter = new(() =>
    {
        StartupInstruments.AddTo(_meter, startups);
        ModelInstruments.AddTo(_meter, model);
        ProcessInstruments.AddTo(_meter);
        return new Exporter(services);
    });

    /// <summary>Answers a request with all figures.</summary>
    public Task SendAsync(HttpContext http) => _exporter.Value.SendAsync(http);

    /// <inheritdoc />
    public void Dispose()
    {
        if (_exporter.IsValueCreated)
            _exporter.Value.Dispose();
        _meter.Dispose();
    }

    // A class of its own: whatever needs OpenTelemetry's libraries is not to be compiled before.
    private sealed class Exporter : IDisposable
    {
        private readonly MeterProvider _provider;
        private readonly RequestDelegate _send;

        public Exporter(IServiceProvider services)
        {
            _provider = Sdk.CreateMeterProviderBuilder()
                .AddMeter(Name)
                .AddPrometheusExporter(options =>
                {
                    options.ScopeInfoEnabled = false;
                    options.TargetInfoEnabled = false;
                    // Whoever asks again gets what is true now.
                    options.ScrapeResponseCacheDurationMilliseconds = 0;
                })
                .Build();
            var app = new ApplicationBuilder(services);
            app.UseOpenTelemetryPrometheusScrapingEndpoint(_provider, _ => true, path: null, configureBranchedPipeline: null, optionsName: null);
            _send = app.Build();
        }

        public Task SendAsync(HttpContext http) => _send(http);

        public void Dispose() => _provider.Dispose();
    }
}
