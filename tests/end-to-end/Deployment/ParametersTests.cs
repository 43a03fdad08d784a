using System.Text.RegularExpressions;

namespace Gemma2.EndToEnd.Tests.Deployment;

/// <summary>The scripts and the templates mean the same parameters and outputs: the stand-ins for Azure would not notice where they do not.</summary>
public sealed class ParametersTests
{
    private const string Templates = "infra/bicep";

    /// <summary>What a redeploy reads back: a parameter of main.bicep, and the variable that sets it.</summary>
    public static TheoryData<string, string> KeptParameters => new(
        Regex.Matches(Regex.Match(Read("infra/deployed.sh"), @"kept_parameters=\((.*?)\)", RegexOptions.Singleline).Groups[1].Value, "([A-Za-z0-9]+):([A-Z0-9_]+)")
            .Select(match => (match.Groups[1].Value, match.Groups[2].Value)));

    /// <summary>What the scripts take from a deployment.</summary>
    public static TheoryData<string> UsedOutputs => new(
        Directory.GetFiles(Path.Combine(Script.Root, "infra"), "*.sh").SelectMany(file => Regex.Matches(File.ReadAllText(file), @"\$\(output ([A-Za-z]+)\)")).Select(match => match.Groups[1].Value)
            .Concat(["functionAppName", "containerAppName"]).Distinct());

    [Theory]
    [MemberData(nameof(KeptParameters))]
    public void KeptParameter_EveryParameterFile_ReadsItsVariable(string parameter, string variable) => Assert.All(
        Directory.GetFiles(Path.Combine(Script.Root, Templates), "*.bicepparam"),
        file => Assert.Matches($@"(?m)^param {parameter} = .*readEnvironmentVariable\('{variable}'", File.ReadAllText(file)));

    [Theory]
    [MemberData(nameof(UsedOutputs))]
    public void UsedOutput_OfMain_IsThere(string output) => Assert.Matches($"(?m)^output {output} ", Read(Templates + "/main.bicep"));

    private static string Read(string file) => File.ReadAllText(Path.Combine(Script.Root, file));
}
