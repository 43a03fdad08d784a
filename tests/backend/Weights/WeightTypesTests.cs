using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Weights;

public sealed class WeightTypesTests
{
    [Theory]
    [InlineData("Q4_K_M", WeightType.Q4_K_M, TensorType.Q4_K, 15)]
    [InlineData("q4_k_m", WeightType.Q4_K_M, TensorType.Q4_K, 15)]
    [InlineData("Q4_k", WeightType.Q4_K_M, TensorType.Q4_K, 15)]
    [InlineData("Q4_K_S", WeightType.Q4_K_S, TensorType.Q4_K, 14)]
    [InlineData("Q5_K_M", WeightType.Q5_K_M, TensorType.Q5_K, 17)]
    [InlineData("q5_k", WeightType.Q5_K_M, TensorType.Q5_K, 17)]
    [InlineData("Q5_K_S", WeightType.Q5_K_S, TensorType.Q5_K, 16)]
    [InlineData("Q3_K", WeightType.Q3_K_M, TensorType.Q3_K, 12)]
    [InlineData("Q3_K_S", WeightType.Q3_K_S, TensorType.Q3_K, 11)]
    [InlineData("Q3_K_L", WeightType.Q3_K_L, TensorType.Q3_K, 13)]
    [InlineData("Q2_K", WeightType.Q2_K, TensorType.Q2_K, 10)]
    [InlineData("Q2_K_S", WeightType.Q2_K_S, TensorType.Q2_K, 21)]
    [InlineData("Q6_K", WeightType.Q6_K, TensorType.Q6_K, 18)]
    [InlineData("Q8_0", WeightType.Q8_0, TensorType.Q8_0, 7)]
    [InlineData("Q4_0", WeightType.Q4_0, TensorType.Q4_0, 2)]
    [InlineData("Q5_1", WeightType.Q5_1, TensorType.Q5_1, 9)]
    [InlineData("IQ4_XS", WeightType.IQ4_XS, TensorType.IQ4_XS, 30)]
    [InlineData("iq4_nl", WeightType.IQ4_NL, TensorType.IQ4_NL, 25)]
    [InlineData("F16", WeightType.F16, TensorType.F16, 1)]
    [InlineData("BF16", WeightType.BF16, TensorType.BF16, 32)]
    [InlineData("f32", WeightType.F32, TensorType.F32, 0)]
    public void Parse_NameOfLlamaCppInAnyCase_IsItsPreset(string name, WeightType type, TensorType mostly, uint fileType)
    {
        Assert.Equal(type, WeightTypes.Parse(name));
        Assert.Equal((mostly, fileType), (type.MostlyOf(), type.GgufFileType()));
    }

    [Theory, InlineData(""), InlineData("q4"), InlineData("4"), InlineData("Q4_K_"), InlineData(" q8_0"), InlineData("IQ3_XS"), InlineData("f64")]
    public void Parse_AnotherWord_IsNone(string name) => Assert.Null(WeightTypes.Parse(name));

    [Fact]
    public void Words_All_StandForOneEach()
    {
        Assert.Distinct(WeightTypes.Words.Select(word => word.Word));
        Assert.Equal(Enum.GetValues<WeightType>(), WeightTypes.Words.Select(word => word.Value).Distinct());
        Assert.Distinct(Enum.GetValues<WeightType>().Select(type => type.GgufFileType()));
        Assert.Equal(Enum.GetValues<TensorType>(), Enum.GetValues<WeightType>().Select(type => type.MostlyOf()).Distinct());
    }
}
