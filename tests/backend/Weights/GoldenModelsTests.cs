using Gemma2.Backend.Model;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Weights;

public sealed class GoldenModelsTests
{
    [Fact]
    public void Names_OfTheCheckout_AreTheSixCases() =>
        Assert.Equal(["a-base", "b-gqa-hd32", "c-mha-sharded", "d-mqa-f16", "e-27blike-bf16", "f-hd256"], GoldenModels.Names);

    [Theory, MemberData(nameof(GoldenModels.All), MemberType = typeof(GoldenModels))]
    public void Open_EveryCase_HoldsTheTensorsThatItsPromptsName(string name)
    {
        GoldenModel model = GoldenModels.Open(name);
        Assert.True(model.Float32Tolerance is > 0.001f and < 0.01f);
        foreach (GoldenPrompt prompt in model.Prompts)
        {
            float[] logits = model.Tensor(prompt.LastLogits);
            Assert.Equal(model.Shape(prompt.LastLogits)[0], logits.Length);
            Assert.All(logits, logit => Assert.InRange(logit, -30f, 30f));
            Assert.Equal(prompt.Greedy.Ids.Length, prompt.Greedy.Margins.Length);
            Assert.Equal(prompt.Greedy.Ids[0], logits.IndexOf(logits.Max()));
            Assert.All(prompt.Activations, activation => Assert.Equal(prompt.Ids.Length, model.Shape(activation)[0]));
        }
    }
}
