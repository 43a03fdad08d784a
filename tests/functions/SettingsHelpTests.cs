using Gemma2.Functions.Configuration;

namespace Gemma2.Functions.Tests;

/// <summary>The README's table of settings, which <c>--help</c> prints.</summary>
public sealed class SettingsHelpTests
{
    [Fact]
    public void Settings_OfTheTable_AreThoseThatAreRead() => Assert.Equal(
        Gemma2OptionsReader.Keys.Select(key => $"Gemma2__{key}").Concat(["AzureWebJobsStorage", "ASPNETCORE_URLS"]).Order(StringComparer.Ordinal),
        SettingsHelp.Settings().Select(setting => setting.Name).Order(StringComparer.Ordinal));

    [Theory]
    [InlineData("--help")]
    [InlineData("--urls", "http://127.0.0.1:8080", "-h")]
    public void Help_IsPlainText(params string[] arguments)
    {
        using var output = new StringWriter();

        Assert.True(SettingsHelp.IsWanted(arguments));
        SettingsHelp.Print(output);

        Assert.Contains("Gemma2__MaxSequences\n    sequences worked on at once, 1 to 256", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('`', output.ToString());
        Assert.DoesNotContain("](", output.ToString(), StringComparison.Ordinal);
    }
}
