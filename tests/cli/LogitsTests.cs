using System.Diagnostics;
using System.Runtime.InteropServices;
using Gemma2.Golden;
using Gemma2.Testing;

namespace Gemma2.Cli.Tests;

public sealed class LogitsTests
{
    /// <summary>A model in one file and one in two; the engine's own tests compute all of them.</summary>
    [Theory]
    [InlineData("a-base")]
    [InlineData("c-mha-sharded")]
    public async Task Logits_GoldenModelExactCache_WithinFloat32Tolerance(string name)
    {
        GoldenModel model = GoldenModels.Open(name);
        Assert.InRange(await WorstErrorAsync(model, "--kv", "f32"), 0, model.Float32Tolerance);
    }

    [Fact]
    public async Task Logits_GoldenModelDefaultCache_WithinItsTolerance()
    {
        GoldenModel model = GoldenModels.Open("b-gqa-hd32");
        Assert.InRange(await WorstErrorAsync(model), 0, model.Float16CacheTolerance);
    }

    [Theory]
    [InlineData("2,3\n2,x\n", "line 2")]
    [InlineData("2,3\n\n", "line 2")]
    [InlineData("-1\n", "line 1")]
    [InlineData("99999999999\n", "line 1")]
    [InlineData("", "empty")]
    public Task Logits_BadLine_FailsNamesItAndKeepsTheOldFile(string lines, string mention) => AssertRefusedAsync(lines, mention);

    [Fact]
    public Task Logits_TokenOutsideTheVocabulary_FailsNamesItAndKeepsTheOldFile()
    {
        Machine.NeedsDevice();
        return AssertRefusedAsync("2,3\n4,5\n2,512\n", "line 3");
    }

    [Fact]
    public async Task Logits_LineLongerThanContext_FailsAndNamesIt()
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", "2,3,4,5,6\n");
        (await RunAsync(GoldenModels.Open("a-base"), input, folder.File("out"), "--context", "4")).Failed(1, "line 1", "4");
        Assert.Equal(["in"], folder.Files);
    }

    [Theory]
    [InlineData("no/such/folder/out")]
    [InlineData("/dev/null")]
    [InlineData("/")]
    public async Task Logits_OutputCannotBeWritten_FailsAndNamesIt(string output)
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        (await RunAsync(GoldenModels.Open("a-base"), folder.Write("in", "2,3\n"), output)).Failed(1, output);
    }

    [Fact]
    public async Task Logits_NoInputFile_FailsAndNamesIt()
    {
        using var folder = new TemporaryFolder();
        (await RunAsync(GoldenModels.Open("a-base"), folder.File("absent"), folder.File("out"))).Failed(1, "absent");
    }

    [Fact]
    public async Task Logits_NoSuchDevice_FailsAndNamesIt()
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", "2,3\n");
        (await RunAsync(GoldenModels.Open("a-base"), input, folder.File("out"), "--device", "Voodoo")).Failed(1, "Voodoo");
    }

    [Fact]
    public async Task Logits_Interrupted_EndsWithOneLineAndLeavesNoFile()
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", string.Concat(Enumerable.Repeat("2,3,4,5\n", 200_000)));
        using Process process = Gemma2Program.Start(["logits", GoldenModels.Open("a-base").Folder, "--tokens-file", input, "--out", folder.File("out")]);
        CancellationToken cancellation = TestContext.Current.CancellationToken;
        while (folder.Files.Count == 1 && !process.HasExited) await Task.Delay(10, cancellation);
        using (Process kill = Process.Start("kill", ["-INT", $"{process.Id}"])) await kill.WaitForExitAsync(cancellation);
        string error = await process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        Assert.Equal("gemma2: interrupted\n", error);
        Assert.Equal(130, process.ExitCode);
        Assert.Equal(["in"], folder.Files);
    }

    private static async Task AssertRefusedAsync(string lines, string mention)
    {
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", lines), output = folder.Write("out", "before");
        Outcome outcome = await RunAsync(GoldenModels.Open("a-base"), input, output);
        outcome.Failed(1, input, mention);
        Assert.Equal(["in", "out"], folder.Files);
        Assert.Equal("before", await File.ReadAllTextAsync(output, TestContext.Current.CancellationToken));
    }

    private static async Task<float> WorstErrorAsync(GoldenModel model, params string[] options)
    {
        Machine.NeedsDevice();
        using var folder = new TemporaryFolder();
        string input = folder.Write("in", string.Concat(model.Prompts.Select(prompt => string.Join(',', prompt.Ids) + "\n")));
        (await RunAsync(model, input, folder.File("out"), options)).Succeeded();
        byte[] bytes = await File.ReadAllBytesAsync(folder.File("out"), TestContext.Current.CancellationToken);
        float[] expected = [.. model.Prompts.SelectMany(prompt => model.Tensor(prompt.LastLogits))];
        float[] actual = MemoryMarshal.Cast<byte, float>(bytes).ToArray();
        Assert.Equal(expected.Length, actual.Length);
        return expected.Zip(actual, (want, got) => float.IsFinite(got) ? MathF.Abs(want - got) : float.MaxValue).Max();
    }

    private static Task<Outcome> RunAsync(GoldenModel model, string input, string output, params string[] options) =>
        Gemma2Program.RunAsync(["logits", model.Folder, "--tokens-file", input, "--out", output, .. options]);
}
