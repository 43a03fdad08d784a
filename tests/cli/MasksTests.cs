using System.Text.Json;
using Gemma2.Golden;

namespace Gemma2.Cli.Tests;

/// <summary><c>gemma2 masks</c>: a line of JSON a file.</summary>
public sealed class MasksTests
{
    private const string Person = """
        {"schema": {"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"], "additionalProperties": false},
         "tests": [
           {"valid": true, "data": {"name": "A \"é\" 😀\n\u0001", "age": 30}},
           {"valid": false, "data": {"age": 30}},
           {"valid": false, "data": {"name": 5}},
           {"valid": true, "data": {"name": ""}}]}
        """;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Masks_Instances_AreJudgedInTheirOrder(bool google)
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("person.json", Person);
        JsonElement report = Assert.Single(Lines((await Gemma2Program.RunAsync("masks", google ? GoldenTokenizer.GoogleModelPath() : GoldenTokenizer.SmallModelPath, file)).Succeeded()));
        Assert.Equal(["file", "compile_error", "compile_us", "tests"], report.EnumerateObject().Select(member => member.Name));
        Assert.Equal(file, report.GetProperty("file").GetString());
        Assert.Equal(JsonValueKind.Null, report.GetProperty("compile_error").ValueKind);
        Assert.True(report.GetProperty("compile_us").GetDouble() > 0);
        JsonElement[] tests = [.. report.GetProperty("tests").EnumerateArray()];
        Assert.Equal([true, false, false, true], tests.Select(test => test.GetProperty("accepted").GetBoolean()));
        Assert.All(tests, test => Assert.Equal(["accepted", "tokens", "mask_us"], test.EnumerateObject().Select(member => member.Name)));
        Assert.All(tests, test => Assert.Equal(test.GetProperty("tokens").GetInt32(), test.GetProperty("mask_us").GetArrayLength()));
    }

    [Theory]
    [InlineData("1.50", true)]
    [InlineData("1e2", true)]
    [InlineData("[[],{},[{\"b\":[null,true]}]]", true)]
    public async Task Masks_AnyValue_IsTriedAsItIsSpelled(string value, bool accepted)
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("any.json", $$"""{"schema": {}, "tests": [{"valid": true, "data": {{value}}}]}""");
        JsonElement report = Assert.Single(Lines((await Gemma2Program.RunAsync("masks", GoldenTokenizer.SmallModelPath, file)).Succeeded()));
        Assert.Equal(accepted, report.GetProperty("tests")[0].GetProperty("accepted").GetBoolean());
    }

    [Fact]
    public async Task Masks_SchemaThatIsRefused_IsACompileErrorWithItsPath()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("wrong.json", """{"schema": {"properties": {"a": {"type": "text"}}}, "tests": [{"valid": true, "data": {}}]}""");
        JsonElement report = Assert.Single(Lines((await Gemma2Program.RunAsync("masks", GoldenTokenizer.SmallModelPath, file)).Succeeded()));
        Assert.StartsWith("/properties/a/type", report.GetProperty("compile_error").GetString());
        Assert.Empty(report.GetProperty("tests").EnumerateArray());
    }

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{\"schema\": {}}")]
    [InlineData("{\"tests\": []}")]
    [InlineData("{\"schema\": {}, \"tests\": {}}")]
    [InlineData("{\"schema\": {}, \"tests\": [{\"valid\": true}]}")]
    [InlineData("{\"schema\": {}, \"tests\": [5]}")]
    [InlineData("{\"schema\": {}, \"tests\": [{\"valid\": true, \"data\": \"\\ud800\"}]}")]
    public async Task Masks_FileOfAnotherForm_IsAnErrorOnItsLineAndTheOthersGoOn(string content)
    {
        using TemporaryFolder folder = new();
        string wrong = folder.Write("wrong.json", content), right = folder.Write("right.json", Person);
        Outcome outcome = await Gemma2Program.RunAsync("masks", GoldenTokenizer.SmallModelPath, wrong, right);
        JsonElement[] lines = Lines(outcome.Output);
        Assert.Equal(2, lines.Length);
        Assert.Equal(wrong, lines[0].GetProperty("file").GetString());
        Assert.Contains("wrong.json", lines[0].GetProperty("error").GetString());
        Assert.DoesNotContain("unexpected", lines[0].GetProperty("error").GetString());
        Assert.Equal(4, lines[1].GetProperty("tests").GetArrayLength());
        Assert.Equal(1, outcome.ExitCode);
        Assert.Equal("gemma2: 1 of 2 files could not be read; their lines say why.\n", outcome.Error);
    }

    [Fact]
    public async Task Masks_FileThatIsNotThere_IsAnErrorOnItsLine()
    {
        Outcome outcome = await Gemma2Program.RunAsync("masks", GoldenTokenizer.SmallModelPath, "nothing.json");
        Assert.Contains("nothing.json", Assert.Single(Lines(outcome.Output)).GetProperty("error").GetString());
        Assert.Equal(1, outcome.ExitCode);
    }

    [Fact]
    public async Task Masks_NoFile_IsBadUsage() => (await Gemma2Program.RunAsync("masks", GoldenTokenizer.SmallModelPath)).Failed(2, "FILE");

    [Fact]
    public async Task Masks_NoVocabulary_Fails() => (await Gemma2Program.RunAsync("masks", "nothing.model", "a.json")).Failed(1, "nothing.model");

    private static JsonElement[] Lines(string output) => [.. output.Split('\n')[..^1].Select(line => JsonElement.Parse(line))];
}
