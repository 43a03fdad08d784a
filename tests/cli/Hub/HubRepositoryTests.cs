using System.Text;
using Gemma2.Cli.Hub;
using Gemma2.Storage.Models;

namespace Gemma2.Cli.Tests.Hub;

/// <summary>The hub's answer to what is in a repository.</summary>
public sealed class HubRepositoryTests
{
    private const string Commit = "0123456789abcdef0123456789abcdef01234567";
    private const string Sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private const string Answer = $$$"""
        {"id": "a/b", "gated": "manual", "sha": "{{{Commit}}}", "siblings": [
          {"rfilename": "config.json", "size": 838, "blobId": "{{{Commit}}}"},
          {"rfilename": "model.safetensors", "size": 5228717512, "blobId": "{{{Commit}}}", "lfs": {"sha256": "{{{Sha256}}}", "size": 5228717512, "pointerSize": 135}},
          {"rfilename": "unknown.bin"}
        ]}
        """;

    [Fact]
    public void Parse_Answer_HasCommitLengthsAndHashes()
    {
        HubRepository repository = Parse(Answer);

        Assert.Equal(Commit, repository.Commit);
        Assert.Equal(
            [new HubEntry("config.json", 838, new ContentHash(ContentHashKind.GitBlob, Commit)), new HubEntry("model.safetensors", 5228717512, ContentHash.Sha256(Sha256))], repository.Files);
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"sha": "main", "siblings": []}""")]
    [InlineData($$"""{"sha": "{{Commit}}"}""")]
    [InlineData($$$"""{"sha": "{{{Commit}}}", "siblings": {}}""")]
    public void Parse_NoAnswerOfTheHub_IsRefused(string json) =>
        Assert.StartsWith("hf:a/b: the answer is not one of the hub's: ", Assert.Throws<HubException>(() => Parse(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void Parse_Mutations_GiveARepositoryOrOneError()
    {
        var random = new Random(1);
        byte[] answer = Encoding.UTF8.GetBytes(Answer);
        for (int run = 0; run < 3000; run++)
        {
            byte[] mutated = [.. answer];
            for (int change = random.Next(1, 5); change > 0; change--) mutated[random.Next(mutated.Length)] = (byte)random.Next(256);
            if (random.Next(4) == 0) mutated = mutated[..random.Next(mutated.Length)];
            try
            {
                Assert.All(HubRepository.Parse("hf:a/b", mutated).Files, file => Assert.True(file.Size >= 0 && file.Hash.Hex.Length is 40 or 64));
            }
            catch (HubException error)
            {
                Assert.StartsWith("hf:a/b: the answer is not one of the hub's: ", error.Message, StringComparison.Ordinal);
            }
        }
    }

    private static HubRepository Parse(string json) => HubRepository.Parse("hf:a/b", Encoding.UTF8.GetBytes(json));
}
