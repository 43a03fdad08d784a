using Gemma2.Functions.Configuration;
using Gemma2.Service;
using Gemma2.Service.Api;
using Gemma2.Service.Options;
using Gemma2.Storage;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Gemma2.Functions;

/// <summary>What the app is under either host: its settings, its log, the service.</summary>
internal static class AppServices
{
    /// <summary>Reads the settings and adds what does not depend on the host.</summary>
    /// <param name="builder">The host's builder.</param>
    /// <param name="needsStorage">Whether the app is nothing without a storage account.</param>
    /// <exception cref="Backend.Gemma2Exception">A setting is wrong.</exception>
    /// <returns>Whether there is a storage account.</returns>
    public static bool Add(IHostApplicationBuilder builder, bool needsStorage)
    {
        Gemma2Options options = Gemma2OptionsReader.Read(builder.Configuration);
        ContainerCheck.CheckKeys(options, builder.Configuration);
        StorageConnection? storage = needsStorage || StorageSection.IsSet(builder.Configuration) ? StorageSection.Open(builder.Configuration) : null;
        if (options.SharedLimits && storage is null)
            throw new ConfigurationException("Gemma2__SharedLimits is true; it needs storage: set AzureWebJobsStorage.");
        AddLogging(builder.Logging);
        builder.Services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = RequestBody.MaxDrainedBytes;
        });
        builder.Services.AddGemma2(options, storage);
        return storage is not null;
    }

    // Under the Functions host, too, it is the app's own console that writes: what is logged outside of an invocation does not reach the host else.
    private static void AddLogging(ILoggingBuilder logging)
    {
        logging.ClearProviders();
        logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.UseUtcTimestamp = true;
            console.TimestampFormat = "yyyy-MM-ddTHH:mm:ssZ ";
        });
        logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        logging.AddFilter("Azure", LogLevel.Warning);
        // Program tells in one line why the app did not start. That a background service failed, which stops the app, is critical.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
    }
}
