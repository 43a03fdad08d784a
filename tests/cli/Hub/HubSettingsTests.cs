using Gemma2.Cli.Hub;

namespace Gemma2.Cli.Tests.Hub;

/// <summary>The variables that the hub's own tools read.</summary>
public sealed class HubSettingsTests : IDisposable
{
    private readonly TemporaryFolder _home = new();

    [Fact]
    public void From_Nothing_IsThePublicHubAndNobody() => Assert.Equal(new HubSettings(new Uri("https://huggingface.co"), null), From());

    [Theory]
    [InlineData("HF_TOKEN")]
    [InlineData("HUGGING_FACE_HUB_TOKEN")]
    public void From_Token_IsTaken(string name) => Assert.Equal("hf_abc", From((name, " hf_abc\n")).Token);

    [Theory]
    [InlineData(".cache/huggingface/token", null, null)]
    [InlineData("xdg/huggingface/token", "XDG_CACHE_HOME", "xdg")]
    [InlineData("hf/token", "HF_HOME", "hf")]
    [InlineData("mine", "HF_TOKEN_PATH", "mine")]
    public void From_TokenFile_IsRead(string file, string? name, string? path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_home.File(file))!);
        _home.Write(file, "hf_filed\n");
        (string, string)[] set = name is null ? [] : [(name, _home.File(path!))];

        Assert.Equal("hf_filed", From(set).Token);
        Assert.Equal("hf_given", From([("HF_TOKEN", "hf_given"), .. set]).Token);
        Assert.Null(From([("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1"), .. set]).Token);
    }

    [Fact]
    public void From_Endpoint_IsTakenWithoutItsSlash() => Assert.Equal("http://127.0.0.1:9/hub", From(("HF_ENDPOINT", "http://127.0.0.1:9/hub/")).Endpoint.ToString());

    [Theory]
    [InlineData("HF_ENDPOINT", "huggingface.co", "HF_ENDPOINT")]
    [InlineData("HF_ENDPOINT", "ftp://huggingface.co", "HF_ENDPOINT")]
    [InlineData("HF_ENDPOINT", "https://me:secret@huggingface.co", "HF_ENDPOINT")]
    [InlineData("HF_TOKEN", "hf_secret with spaces", "HF_TOKEN")]
    [InlineData("HF_TOKEN", "hf_secret\r\nX-Evil: 1", "HF_TOKEN")]
    public void From_NotUsable_NamesTheVariableAndNotItsSecret(string name, string value, string mention)
    {
        string message = Assert.Throws<HubException>(() => From((name, value))).Message;
        Assert.Contains(mention, message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToString_Token_IsNotShown() => Assert.DoesNotContain("hf_abc", $"{From(("HF_TOKEN", "hf_abc"))}", StringComparison.Ordinal);

    /// <inheritdoc/>
    public void Dispose() => _home.Dispose();

    private HubSettings From(params (string Name, string Value)[] set) =>
        HubSettings.From(name => name == "HOME" ? _home.Path : set.FirstOrDefault(variable => variable.Name == name).Value);
}
