using System.Diagnostics;
using System.Text;
using System.Text.Json;
using CsCheck;
using Gemma2.Golden;

namespace Gemma2.Cli.Tests;

/// <summary>The conversations of <c>tokenize</c> and <c>detokenize</c>: one line, one answer.</summary>
public sealed class TokenizeTests
{
    private static readonly string Small = GoldenTokenizer.SmallModelPath;

    [Fact]
    public async Task Tokenize_SmallVectors_EqualsSentencePiece()
    {
        IReadOnlyList<JsonElement> vectors = GoldenTokenizer.Vectors("small.json");
        JsonElement[] answers = await AskAsync(["tokenize", Small], [.. vectors.Select(vector => vector.GetProperty("text").GetRawText())]);
        Assert.Equal(300, answers.Length);
        foreach ((JsonElement vector, JsonElement answer) in vectors.Zip(answers))
            Assert.Equal(vector.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32()), answer.EnumerateArray().Select(id => id.GetInt32()));
    }

    [Theory]
    [InlineData("ids")]
    [InlineData("hf_ids", "--special")]
    public async Task Tokenize_GoogleVectors_EqualsReference(string key, params string[] options)
    {
        string model = GoldenTokenizer.GoogleModelPath();
        IReadOnlyList<JsonElement> vectors = GoldenTokenizer.Vectors("encode.json");
        JsonElement[] answers = await AskAsync(["tokenize", model, .. options], [.. vectors.Select(vector => vector.GetProperty("text").GetRawText())]);
        foreach ((JsonElement vector, JsonElement answer) in vectors.Zip(answers))
            Assert.Equal(vector.Ids(vector.Has(key) ? key : "ids"), answer.EnumerateArray().Select(id => id.GetInt32()));
    }

    [Fact]
    public async Task Tokenize_GoogleChats_EqualsReferenceOrItsErrors()
    {
        string model = GoldenTokenizer.GoogleModelPath();
        JsonElement[] vectors = [.. GoldenTokenizer.Vectors("chat.json").Where(vector => vector.GetProperty("add_generation_prompt").GetBoolean())];
        JsonElement[] answers = await AskAsync(["tokenize", model, "--chat"], [.. vectors.Select(vector => vector.GetProperty("messages").GetRawText())]);
        foreach ((JsonElement vector, JsonElement answer) in vectors.Zip(answers))
        {
            if (vector.Has("error")) Assert.Contains(vector.Text("error"), answer.Text("error"));
            else Assert.Equal(vector.Ids("ids"), answer.EnumerateArray().Select(id => id.GetInt32()));
        }
    }

    [Fact]
    public async Task Detokenize_WhatTokenizeGave_IsTheText()
    {
        string[] texts = ["", "Hello there", "  two  spaces\n\ttab", "straße \U0001F600 \u0000 \u2028 \"quoted\" \\ <b>", "日本語"];
        JsonElement[] ids = await AskAsync(["tokenize", Small], [.. texts.Select(text => JsonSerializer.Serialize(text))]);
        JsonElement[] answers = await AskAsync(["detokenize", Small], [.. ids.Select(id => id.GetRawText())]);
        Assert.Equal(texts, answers.Select(answer => answer.GetString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData(" ")]
    [InlineData("null")]
    [InlineData("5")]
    [InlineData("[1]")]
    [InlineData("\"open")]
    [InlineData("\"one\" \"two\"")]
    [InlineData("\"\\ud800\"")]
    [InlineData("\"\\x\"")]
    public async Task Tokenize_LineIsNoString_AnswersAnErrorAndGoesOn(string line)
    {
        JsonElement[] answers = await AskAsync(["tokenize", Small], [line, "\"a\""]);
        Assert.Contains("JSON string", answers[0].GetProperty("error").GetString());
        Assert.Equal(JsonValueKind.Array, answers[1].ValueKind);
    }

    [Theory]
    [InlineData("null", "messages")]
    [InlineData("{}", "messages")]
    [InlineData("[null]", "messages")]
    [InlineData("[{}]", "messages")]
    [InlineData("""[{"role":"user"}]""", "content")]
    [InlineData("""[{"role":"user","content":null}]""", "content")]
    [InlineData("""[{"role":5,"content":"a"}]""", "messages")]
    [InlineData("[]", "at least one")]
    [InlineData("""[{"role":"system","content":"a"}]""", "System role not supported")]
    [InlineData("""[{"role":"cook","content":"a"}]""", "cook")]
    public async Task Tokenize_ChatIsNoConversation_AnswersAnErrorAndGoesOn(string line, string mention)
    {
        JsonElement[] answers = await AskAsync(["tokenize", Small, "--chat"], [line, """[{"role":"user","content":"a"}]"""]);
        Assert.Contains(mention, answers[0].GetProperty("error").GetString());
        Assert.Equal(JsonValueKind.Array, answers[1].ValueKind);
    }

    [Theory]
    [InlineData("[-1]", "-1")]
    [InlineData("[700]", "700")]
    [InlineData("[99999999999]", "token ids")]
    [InlineData("[2.5]", "token ids")]
    [InlineData("[\"a\"]", "token ids")]
    [InlineData("[null]", "token ids")]
    [InlineData("5", "token ids")]
    [InlineData("[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "token ids")]
    public async Task Detokenize_LineIsNoIdArray_AnswersAnErrorAndGoesOn(string line, string mention)
    {
        JsonElement[] answers = await AskAsync(["detokenize", Small], [line, "[]"]);
        Assert.Contains(mention, answers[0].GetProperty("error").GetString());
        Assert.Equal("", answers[1].GetString());
    }

    [Theory]
    [InlineData("tokenize")]
    [InlineData("tokenize", "--special")]
    [InlineData("tokenize", "--chat")]
    [InlineData("detokenize")]
    public async Task Run_RandomLines_AnswersEachWithOneLineOfJson(string command, params string[] options)
    {
        string[] parts = ["[", "]", "{", "}", "\"", ",", ":", "1", "-", "260", "null", "\\u", "d800", "role", "user", "content", " ", "é", "\U0001F600"];
        Gen<byte[]> noise = Gen.Byte.Where(value => value is not ((byte)'\n' or (byte)'\r')).Array[0, 60];
        Gen<byte[]> almostJson = Gen.Int[0, parts.Length - 1].Array[0, 20].Select(chosen => Encoding.UTF8.GetBytes(string.Concat(chosen.Select(i => parts[i]))));

        await Gen.OneOf(noise, almostJson).Array[1000].SampleAsync(
            async lines =>
            {
                Outcome outcome = await Gemma2Program.RunAsync([command, Small, .. options], [.. lines.SelectMany(line => line.Append((byte)'\n'))]);
                Assert.Equal(lines.Length, CheckedAnswers(outcome).Length);
            },
            iter: 2, threads: 1);
    }

    [Fact]
    public async Task Tokenize_OneLineAtATime_AnswersBeforeTheNextIsAsked()
    {
        using Process process = Gemma2Program.Start(["tokenize", Small]);
        foreach (string question in (string[])["\"a\"", "\"b\"", "nonsense"])
        {
            await process.StandardInput.WriteLineAsync(question);
            await process.StandardInput.FlushAsync(Cancellation);
            string? answer = await process.StandardOutput.ReadLineAsync(Cancellation).AsTask().WaitAsync(TimeSpan.FromMinutes(1), Cancellation);
            Assert.NotNull(answer);
        }
        process.StandardInput.Close();
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal(1, process.ExitCode);
    }

    [Fact]
    public async Task Tokenize_ByteOrderMarkAndWindowsLines_AreNotPartOfTheLine()
    {
        byte[] input = [0xEF, 0xBB, 0xBF, .. "\"a\"\r\n\"b\""u8];
        string output = (await Gemma2Program.RunAsync(["tokenize", Small], input)).Succeeded();
        Assert.Equal(2, output.Count(c => c == '\n'));
        Assert.DoesNotContain("error", output);
        Assert.Equal('[', output[0]);
    }

    [Fact]
    public async Task Tokenize_Interrupted_EndsWithOneLine()
    {
        using Process process = Gemma2Program.Start(["tokenize", Small]);
        await process.StandardInput.WriteLineAsync("\"a\"");
        await process.StandardInput.FlushAsync(Cancellation);
        await process.StandardOutput.ReadLineAsync(Cancellation);
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(Cancellation);
        string error = await process.StandardError.ReadToEndAsync(Cancellation);
        await process.WaitForExitAsync(Cancellation);
        Assert.Equal("gemma2: interrupted\n", error);
        Assert.Equal(130, process.ExitCode);
    }

    [Theory]
    [InlineData("config.json")]
    [InlineData("nothing")]
    public async Task Tokenize_NoUsableVocabulary_Fails(string file)
    {
        string path = Path.Combine(GoldenModels.Open("a-base").Folder, file);
        (await Gemma2Program.RunAsync("tokenize", path)).Failed(1, file);
    }

    [Fact]
    public async Task Tokenize_ModelWithoutVocabulary_FailsAndNamesTheFile() =>
        (await Gemma2Program.RunAsync("tokenize", GoldenModels.Open("a-base").Folder)).Failed(1, "a-base", "tokenizer.model");

    [Fact]
    public async Task Tokenize_SpecialAndChat_IsBadUsage() => (await Gemma2Program.RunAsync("tokenize", Small, "--special", "--chat")).Failed(2, "--special", "--chat");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>One answer a line; the exit code is 1 where one is an error.</summary>
    private static JsonElement[] CheckedAnswers(Outcome outcome)
    {
        JsonElement[] answers = [.. outcome.Output.Split('\n')[..^1].Select(line => JsonElement.Parse(line))];
        JsonElement[] errors = [.. answers.Where(answer => answer.ValueKind == JsonValueKind.Object)];
        Assert.All(errors, error => Assert.DoesNotContain("unexpected", error.GetProperty("error").GetString()));
        Assert.Equal(("", errors.Length == 0 ? 0 : 1), (outcome.Error, outcome.ExitCode));
        return answers;
    }

    private static async Task<JsonElement[]> AskAsync(string[] arguments, string[] lines)
    {
        JsonElement[] answers = CheckedAnswers(await Gemma2Program.RunAsync(arguments, string.Join('\n', lines) + '\n'));
        Assert.Equal(lines.Length, answers.Length);
        return answers;
    }
}
