using Gemma2.Cli.Hub;

namespace Gemma2.Cli.Tests.Hub;

/// <summary><c>hf:OWNER/NAME[@REVISION][:FILE]</c>.</summary>
public sealed class HubReferenceTests
{
    [Theory]
    [InlineData("hf:google/gemma-2-2b-it", "google/gemma-2-2b-it", "main", null)]
    [InlineData("hf:google/gemma-2-2b-it@v1.0", "google/gemma-2-2b-it", "v1.0", null)]
    [InlineData("hf:google/gemma-2-2b-it@refs/pr/12", "google/gemma-2-2b-it", "refs/pr/12", null)]
    [InlineData("hf:bartowski/gemma-2-2b-it-GGUF:gemma-2-2b-it-Q4_K_M.gguf", "bartowski/gemma-2-2b-it-GGUF", "main", "gemma-2-2b-it-Q4_K_M.gguf")]
    [InlineData("hf:a/b@0123abc:Q8_0/part-00001-of-00002.gguf", "a/b", "0123abc", "Q8_0/part-00001-of-00002.gguf")]
    public void Parse_Reference_HasItsParts(string text, string repository, string revision, string? file) =>
        Assert.Equal(new HubReference(repository, revision, file), HubReference.Parse(text));

    [Theory]
    [InlineData("google/gemma-2-2b-it")]
    [InlineData("./hf:model")]
    [InlineData("blob:nano")]
    public void Parse_AnythingElse_IsNone(string text) => Assert.Null(HubReference.Parse(text));

    [Theory]
    [InlineData("hf:")]
    [InlineData("hf:gemma")]
    [InlineData("hf:google/")]
    [InlineData("hf:google/gemma/more")]
    [InlineData("hf:../gemma")]
    [InlineData("hf:google/gem ma")]
    [InlineData("hf:google/gemma@")]
    [InlineData("hf:google/gemma:")]
    [InlineData("hf:google/gemma@a b")]
    [InlineData("hf:google/gemma:../x.gguf")]
    [InlineData("hf:google/gemma:/x.gguf")]
    [InlineData("hf:google/gemma:x?y.gguf")]
    [InlineData("hf:google/gemma\n")]
    public void Parse_NoModel_SaysWhatIsExpected(string text) => Assert.Contains($"'{text}' names no", Assert.Throws<HubException>(() => HubReference.Parse(text)).Message);
}
