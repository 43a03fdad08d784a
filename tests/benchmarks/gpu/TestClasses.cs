using System.Xml.Linq;

namespace Gemma2.Benchmarks.Gpu;

/// <summary>The backend's tests that say whether a device computes the right numbers.</summary>
internal static class TestClasses
{
    /// <summary>Tests by what they check: arguments of the test program.</summary>
    public static IReadOnlyList<TestGroup> All { get; } =
    [
        new("golden logits, and greedy answers, of models in float", "-method", "*.GoldenEngineTests.ComputeLogits_Float*", "-method", "*.GoldenEngineTests.Generate_*"),
        new("golden logits, and greedy answers, of quantized models", "-method", "*.GgufEngineTests.ComputeLogits_EveryPrompt_*"),
        new("matrices of every family and type", "-class", "*.MatrixKernelTests"),
        new("matrices of prompts", "-class", "*.PromptMatrixFamilyTests"),
        new("attention", "-class", "*.AttentionKernelTests"),
        new("rope and cache", "-class", "*.RopeStoreKernelTests"),
        new("norms", "-class", "*.NormKernelTests"),
        new("embedding", "-class", "*.EmbedKernelTests"),
        new("candidates", "-class", "*.CandidatesKernelTests"),
        new("subgroups of every size", "-class", "*.SubgroupWidthTests"),
        new("the check of families at start", "-class", "*.FamilyCheckTests"),
    ];

    /// <summary>Runs a group.</summary>
    public static async Task<TestOutcome> RunAsync(TestGroup group, TimeSpan time)
    {
        string file = Path.GetTempFileName();
        try
        {
            ProgramEnd end = await Programs.RunAsync(time, "Backend.Tests", [.. group.Arguments, "-noColor", "-noLogo", "-result-xml", file]);
            if (end.ExitCode is null) return TestOutcome.None(end.Reason);
            return new FileInfo(file).Length > 0 ? TestOutcome.Read(file) : TestOutcome.None($"no report: {(end.Reason.Length > 0 ? end.Reason : Programs.LastLine(end.Output))}");
        }
        finally
        {
            File.Delete(file);
        }
    }
}

/// <summary>Tests that belong together.</summary>
/// <param name="What">What they check.</param>
/// <param name="Arguments">Names them to the test program.</param>
internal sealed record TestGroup(string What, params string[] Arguments);

/// <summary>What a group's tests found.</summary>
/// <param name="Passed">How many passed.</param>
/// <param name="Failed">How many failed.</param>
/// <param name="Skipped">How many were not run.</param>
/// <param name="Seconds">How long all took.</param>
/// <param name="Remarks">Names of those that failed, reasons of those that were not run.</param>
internal sealed record TestOutcome(int Passed, int Failed, int Skipped, double Seconds, IReadOnlyList<string> Remarks)
{
    private const int MostRemarks = 4;

    /// <summary>The group did not end.</summary>
    public static TestOutcome None(string reason) => new(0, 0, 0, 0, [reason]);

    /// <summary>Reads the test program's report.</summary>
    public static TestOutcome Read(string file)
    {
        XElement[] tests = [.. XDocument.Load(file).Descendants("test")];
        int Count(string result) => tests.Count(test => (string?)test.Attribute("result") == result);
        string[] remarks =
        [
            .. tests.Where(test => (string?)test.Attribute("result") == "Fail").Select(test => $"failed: {ShortName(test)}"),
            .. tests.Where(test => (string?)test.Attribute("result") == "Skip").Select(test => $"not run: {test.Element("reason")?.Value.Trim()}").Distinct(),
        ];
        return new TestOutcome(Count("Pass"), Count("Fail"), Count("Skip"), tests.Sum(test => (double?)test.Attribute("time") ?? 0), [.. remarks.Take(MostRemarks)]);
    }

    private static string ShortName(XElement test) => ((string?)test.Attribute("name") ?? "").Split('.', 5)[^1].ReplaceLineEndings(" ");
}
