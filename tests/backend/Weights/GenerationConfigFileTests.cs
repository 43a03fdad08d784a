using System.Text;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Formats.Safetensors;

namespace Gemma2.Backend.Tests.Weights;

public sealed class GenerationConfigFileTests
{
    private const string Name = "generation_config.json";

    private readonly List<string> _notes = [];

    /// <summary>The file of the published tuned models.</summary>
    [Fact]
    public void Parse_PublishedFile_HasTwoEndTokensAndNoSampling()
    {
        GenerationConfigFile file = Parse(
            """
            {"_from_model_config": true, "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": [1, 107], "pad_token_id": 0, "transformers_version": "4.42.0.dev0"}
            """);
        Assert.Equal([1, 107], file.EndTokens);
        Assert.Equal(SamplingDefaults.None, file.Sampling);
        Assert.Empty(_notes);
    }

    [Theory]
    [InlineData("{}", null), InlineData("""{"eos_token_id": null}""", null), InlineData("""{"eos_token_id": 107}""", "107"), InlineData("""{"eos_token_id": [107.0, 1]}""", "107,1")]
    [InlineData("""{"eos_token_id": []}""", null), InlineData("""{"eos_token_id": [1, 256000]}""", "1")]
    public void Parse_EndTokens_AreNoneOneOrSeveral(string json, string? expected) => Assert.Equal(expected ?? "", string.Join(',', Parse(json).EndTokens));

    [Theory]
    [InlineData("""{"temperature": 0.7, "top_k": 64, "top_p": 0.95, "min_p": 0.05, "repetition_penalty": 1.1}""", 0.7, 64, 0.95, 0.05, 1.1)]
    [InlineData("""{"temperature": 0, "top_k": -1, "top_p": 1, "min_p": 0, "repetition_penalty": 1}""", 0.0, 0, 1.0, 0.0, 1.0)]
    [InlineData("""{"temperature": null, "top_k": 50.0, "do_sample": null}""", null, 50, null, null, null)]
    [InlineData("""{"do_sample": false}""", null, null, null, null, null)]
    [InlineData("""{"do_sample": true}""", null, null, null, null, null)]
    [InlineData("""{"do_sample": false, "temperature": 0.6}""", 0.6, null, null, null, null)]
    public void Parse_Sampling_IsWhatTheFileSays(string json, double? temperature, int? topK, double? topP, double? minP, double? penalty) =>
        Assert.Equal(new SamplingDefaults(temperature, topK, topP, minP, penalty), Parse(json).Sampling);

    [Fact]
    public void Parse_WhatTheEngineDoesNotHave_IsNoted()
    {
        Parse("""{"num_beams": 4, "typical_p": 1.0, "max_new_tokens": 256, "penalty_alpha": null}""");
        Assert.Equal(
        [
            $"{Name}: num_beams is 4, which this engine does not have: it is left aside.",
            $"{Name}: max_new_tokens is left aside: how long an answer may get is the request's to say.",
        ], _notes);
    }

    [Theory]
    [InlineData("[]", "must be a JSON object, not an array.")]
    [InlineData("{", "is not usable JSON: ")]
    [InlineData("""{"temperature": "hot"}""", "temperature is \"hot\"; allowed is a number from 0 to 2.")]
    [InlineData("""{"temperature": -1}""", "temperature is -1; allowed is a number from 0 to 2.")]
    [InlineData("""{"temperature": 1e999}""", "temperature is 1e999; allowed is a number from 0 to 2.")]
    [InlineData("""{"top_k": 1.5}""", "top_k is 1.5; allowed is a whole number from -1 to 2147483647.")]
    [InlineData("""{"top_p": 0}""", "top_p is 0; allowed is a number from 1E-09 to 1.")]
    [InlineData("""{"min_p": [0.1]}""", "min_p is an array; allowed is a number from 0 to 1.")]
    [InlineData("""{"repetition_penalty": 0}""", "repetition_penalty is 0; allowed is a number from 1E-09 to ")]
    [InlineData("""{"do_sample": "yes"}""", "do_sample is \"yes\"; allowed is true or false.")]
    [InlineData("""{"eos_token_id": "<eos>"}""", "eos_token_id is \"<eos>\"; allowed is a whole number from 0 to ")]
    [InlineData("""{"eos_token_id": -1}""", "eos_token_id is -1; allowed is a whole number from 0 to ")]
    [InlineData("""{"eos_token_id": [1, "a"]}""", "eos_token_id is an array; allowed is a token id from 0 to ")]
    [InlineData("""{"num_beams": "4"}""", "num_beams is \"4\"; allowed is a number from ")]
    public void Parse_ValueThatIsNotAllowed_IsRefusedByName(string json, string reason)
    {
        ModelException error = Assert.Throws<ModelException>(() => Parse(json));
        Assert.StartsWith($"{Name}: {reason}", error.Message, StringComparison.Ordinal);
    }

    private GenerationConfigFile Parse(string json) => GenerationConfigFile.Parse(Encoding.UTF8.GetBytes(json), Name, vocabulary: 256000, _notes);
}
