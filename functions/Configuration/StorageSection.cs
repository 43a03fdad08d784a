using Gemma2.Storage;

namespace Gemma2.Functions.Configuration;

/// <summary>The section <c>AzureWebJobsStorage</c>, as every Functions app has it.</summary>
internal static class StorageSection
{
    private const string Name = "AzureWebJobsStorage";

    /// <summary>Whether anything is set; what is empty counts as not set.</summary>
    public static bool IsSet(IConfiguration configuration) =>
        configuration.GetSection(Name).AsEnumerable().Any(setting => !string.IsNullOrWhiteSpace(setting.Value));

    /// <summary>Opens the account.</summary>
    /// <exception cref="StorageException">A setting is missing or wrong.</exception>
    public static StorageConnection Open(IConfiguration configuration) => StorageConnection.FromSettings(key => configuration[key], Name);
}
