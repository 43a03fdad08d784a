using System.Collections.Concurrent;
using Gemma2.Backend.Decoding;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

public sealed class StepProfileTests : EngineTest
{
    [Fact]
    public async Task StepTimed_PromptAndTokens_TellsEveryDispatchOfEveryPass()
    {
        var passes = new ConcurrentQueue<StepProfile>();
        var options = new EngineOptions { StepTimed = passes.Enqueue, Validation = true };
        await using InferenceEngine engine = await LoadAsync(GoldenModels.Open("a-base").Folder, options);
        var request = new GenerationRequest
        {
            PromptTokens = [.. Enumerable.Range(2, 30)],
            MaxTokens = 3,
            IgnoreEndTokens = true,
            Sampling = new SamplingOptions { Temperature = 0 },
        };

        await GenerateAsync(engine, request);

        Assert.Equal([(true, 30, 0), (false, 1, 30), (false, 1, 31)], passes.Select(pass => (pass.IsPrompt, pass.Rows, pass.Position)));
        foreach (StepProfile pass in passes)
        {
            Assert.All(pass.Dispatches, dispatch => Assert.True(dispatch.Nanoseconds > 0, dispatch.Step));
            foreach ((DispatchTime before, DispatchTime after) in pass.Dispatches.Zip(pass.Dispatches.Skip(1))) Assert.True(before.Begin < after.Begin);
            Assert.Equal(Enumerable.Range(-1, engine.Config.LayerCount + 1), pass.Dispatches.Select(dispatch => dispatch.Layer).Distinct());
            Assert.All(pass.Dispatches.Where(dispatch => dispatch.Layer >= 0).CountBy(dispatch => dispatch.Layer), layer => Assert.InRange(layer.Value, 1, 9));
            Assert.Contains(pass.Dispatches, dispatch => dispatch.Step == "candidates");
        }
        Assert.Empty(engine.ValidationReports);
    }
}
