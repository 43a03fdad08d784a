using Gemma2.Functions.Configuration;
using Gemma2.Service.Options;
using Gemma2.Storage.Batches;
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

    [Fact]
    public void Read_PricesAndWebhook_AreTaken()
    {
        Gemma2Options options = Read(("Prices", "0.10/0.4 USD"), ("CallbackHosts", "*.example.com"), ("BatchWebhook", "https://hooks.example.com/batches?key=1"));

        Assert.Equal(new BatchPrice(0.10m, 0.4m, "USD"), options.Prices);
        Assert.Equal(new Uri("https://hooks.example.com/batches?key=1"), options.BatchWebhook);
        Assert.Equal((null, null), (Read().Prices, Read().BatchWebhook));
    }

    [Theory]
    [InlineData("Prices", "0.1", "Gemma2__Prices is '0.1'; allowed: prices of a million tokens of prompts and of answers, and a currency: 0.10/0.40 USD.")]
    [InlineData("Prices", "0,1/0,2 USD", "Gemma2__Prices is '0,1/0,2 USD'; allowed: prices of a million tokens of prompts and of answers, and a currency: 0.10/0.40 USD.")]
    [InlineData("Prices", "-1/2 USD", "Gemma2__Prices is '-1/2 USD'; allowed: prices of a million tokens of prompts and of answers, and a currency: 0.10/0.40 USD.")]
    [InlineData("BatchWebhook", "https://hooks.example.com/", "Gemma2__BatchWebhook is '***'; allowed: an https address without a user name, at one of the hosts of Gemma2__CallbackHosts.")]
    [InlineData("BatchWebhook", "x", "Gemma2__BatchWebhook is '***'; allowed: an https address without a user name, at one of the hosts of Gemma2__CallbackHosts.")]
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
