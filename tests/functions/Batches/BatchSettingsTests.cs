using Gemma2.Functions.Configuration;
using Gemma2.Service.Options;
using Microsoft.Extensions.Configuration;

namespace Gemma2.Functions.Tests.Batches;

public sealed class BatchSettingsTests
{
    [Fact]
    public void Read_NoBatchSettings_HasDefaults() => Assert.Equal((60, null), (Read().BatchChunkSeconds, Read().RetentionDays));

    [Fact]
    public void Read_BatchSettings_AreTaken()
    {
        Gemma2Options options = Read(("BatchChunkSeconds", "900"), ("RetentionDays", "1"));

        Assert.Equal((900, 1), (options.BatchChunkSeconds, options.RetentionDays));
    }

    [Theory]
    [InlineData("BatchChunkSeconds", "0", "Gemma2__BatchChunkSeconds is '0'; allowed: integers from 1 to 900.")]
    [InlineData("BatchChunkSeconds", "901", "Gemma2__BatchChunkSeconds is '901'; allowed: integers from 1 to 900.")]
    [InlineData("RetentionDays", "0", "Gemma2__RetentionDays is '0'; allowed: integers from 1 to 3650.")]
    [InlineData("RetentionDays", "never", "Gemma2__RetentionDays is 'never'; allowed: integers from 1 to 3650.")]
    public void Read_WrongBatchSetting_SaysWhatIsAllowed(string key, string value, string message) =>
        Assert.Equal(message, Assert.Throws<ConfigurationException>(() => Read((key, value))).Message);

    private static Gemma2Options Read(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationManager();
        configuration["Gemma2:Model"] = "nano";
        foreach ((string key, string value) in settings)
            configuration[$"Gemma2:{key}"] = value;
        return Gemma2OptionsReader.Read(configuration);
    }
}
