using Gemma2.Benchmarks.Serving.Reports;

namespace Gemma2.Benchmarks.Serving.Scenarios;

/// <summary>One question, and the load that answers it.</summary>
internal interface IScenario
{
    /// <summary>As <c>--scenarios</c> has it.</summary>
    string Name { get; }

    /// <summary>Runs it on all sides in turn.</summary>
    /// <param name="contest">The sides.</param>
    /// <param name="settings">How much.</param>
    /// <param name="say">Told how far it is.</param>
    Task<ScenarioReport> RunAsync(Contest contest, ServingSettings settings, Action<string> say);
}
