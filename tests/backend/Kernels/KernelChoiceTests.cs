using System.Text.RegularExpressions;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Tests.Device;
using Gemma2.Golden;
using Silk.NET.Vulkan;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class KernelChoiceTests
{
    private static readonly DeviceDescription _software = Descriptions.Describe(0, "llvmpipe", DeviceKind.Software);
    private static readonly DeviceDescription _gpu = Descriptions.Describe(1, "A GPU", DeviceKind.Discrete);
    private static readonly DeviceDescription _tensorGpu = _gpu with
    {
        Capabilities = _gpu.Capabilities with { CooperativeMatrixShapes = [new(16, 16, 16)], IntegerDotProduct = true, Float16 = true },
    };

    [Fact]
    public void For_SoftwareDevice_TakesTheCpuFamily() =>
        Assert.Equal((KernelFamily.Cpu, KernelFamily.Cpu), Choose(_software));

    [Fact]
    public void For_SoftwareDeviceWithCooperativeMatrices_StillTakesTheCpuFamily() =>
        Assert.Equal((KernelFamily.Cpu, KernelFamily.Cpu), Choose(_software with { Capabilities = _tensorGpu.Capabilities }));

    [Fact]
    public void For_GpuWithCooperativeMatrices_TakesThemForPrompts() =>
        Assert.Equal((KernelFamily.Generic, KernelFamily.Coopmat), Choose(_tensorGpu));

    [Fact]
    public void For_GpuWithoutCooperativeMatrices_TakesTiles() =>
        Assert.Equal((KernelFamily.Generic, KernelFamily.Tiled), Choose(_gpu));

    [Theory]
    [InlineData("-coopmat", KernelFamily.Tiled)]
    [InlineData("-coopmat,-tiled", KernelFamily.Generic)]
    [InlineData("-int8", KernelFamily.Coopmat)]
    [InlineData("int8", KernelFamily.Int8)]
    [InlineData("generic", KernelFamily.Generic)]
    public void For_Options_AreFollowed(string options, KernelFamily prompt) =>
        Assert.Equal((KernelFamily.Generic, prompt), Choose(_tensorGpu, options));

    [Theory]
    [InlineData("mat_mul_coopmat", KernelFamily.Coopmat, KernelFamily.Tiled, "this build has no shader mat_mul_coopmat, which needs a newer glslc")]
    [InlineData("half_rows", KernelFamily.Coopmat, KernelFamily.Tiled, "this build is incomplete: it has no shader half_rows")]
    [InlineData("mat_mul_int8", KernelFamily.Int8, KernelFamily.Coopmat, "this build has no shader mat_mul_int8, which needs a newer glslc")]
    [InlineData("mat_mul_tiled", KernelFamily.Tiled, KernelFamily.Coopmat, "this build is incomplete: it has no shader mat_mul_tiled")]
    public void For_ShaderLeftOut_TakesAnotherFamilyAndSaysWhy(string shader, KernelFamily without, KernelFamily prompt, string reason)
    {
        KernelChoice choice = KernelChoice.For(_tensorGpu, KernelOptions.Default, name => name != shader);

        Assert.Equal(prompt, choice.Prompt);
        KernelFamilyState state = choice.Families.Single(state => state.Family == without);
        Assert.False(state.IsCompiled || state.IsUsed);
        Assert.Equal(reason, state.Reason);
    }

    [Fact]
    public void For_NoShaderToDecodeWith_IsRefusedAndNamesIt() => Assert.Equal(
        "No matrix kernels are left to decode with on A GPU: this build is incomplete: it has no shader mat_vec.",
        Assert.Throws<DeviceException>(() => KernelChoice.For(_tensorGpu, KernelOptions.Default, name => name != "mat_vec")).Message);

    [Fact]
    public void ModernShaders_AreThoseThatTheBuildMayLeaveOut()
    {
        string targets = File.ReadAllText(Path.Combine(GoldenModels.Root, "..", "..", "shaders", "Shaders.targets"));

        Assert.Equal(Regex.Matches(targets, "<ModernShader Include=\"([^@\"]+)\" ").Select(match => match.Groups[1].Value), KernelChoice.ModernShaders);
    }

    [Theory]
    [InlineData("coopmat", "The coopmat kernels cannot be used on A GPU: the device has no VK_KHR_cooperative_matrix")]
    [InlineData("int8", "The int8 kernels cannot be used on A GPU: the device has no integer dot products")]
    [InlineData("-generic", "No matrix kernels are left to decode with on A GPU: generic is turned off")]
    public void For_WhatTheDeviceLacks_IsRefusedInOneLine(string options, string expected)
    {
        var error = Assert.Throws<DeviceException>(() => Choose(_gpu, options));

        Assert.StartsWith(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void For_DriverWithAFault_LeavesThatFamilyUnlessForced()
    {
        DeviceDescription faulty = _tensorGpu with { Quirks = DriverQuirks.Of(DriverId.IntelOpenSourceMesa) };

        Assert.Equal((KernelFamily.Generic, KernelFamily.Tiled), Choose(faulty));
        Assert.Contains("https://", KernelChoice.For(faulty, KernelOptions.Default, _ => true).Families.Single(s => s.Family == KernelFamily.Coopmat).Reason, StringComparison.Ordinal);
        Assert.Equal((KernelFamily.Generic, KernelFamily.Coopmat), Choose(faulty, "coopmat"));
    }

    [Fact]
    public void Of_OtherDrivers_HaveNoFaults() => Assert.Empty(DriverQuirks.Of(DriverId.NvidiaProprietary));

    [Fact]
    public void For_WeightsThatTheBestFamilyDoesNotMultiply_HasOthersInReserve()
    {
        Assert.Equal([KernelFamily.Coopmat, KernelFamily.Tiled, KernelFamily.Generic], KernelChoice.For(_tensorGpu, KernelOptions.Default, _ => true).PromptOrder);
        Assert.Equal([KernelFamily.Int8, KernelFamily.Generic], KernelChoice.For(_tensorGpu, KernelOptions.TryParse("int8")!, _ => true).PromptOrder);
    }

    [Fact]
    public void For_ShapesThatDivideNoTile_TakesTiles()
    {
        DeviceDescription odd = _tensorGpu with { Capabilities = _tensorGpu.Capabilities with { CooperativeMatrixShapes = [new(12, 16, 16), new(16, 16, 64)] } };

        Assert.Equal((KernelFamily.Generic, KernelFamily.Tiled), Choose(odd));
    }

    [Theory]
    [InlineData("")]
    [InlineData("fast")]
    [InlineData("Tiled")]
    [InlineData("tiled,coopmat")]
    [InlineData("tiled,-coopmat")]
    [InlineData("-int8,-int8")]
    [InlineData("-int8,")]
    [InlineData("-")]
    [InlineData("--int8")]
    [InlineData("2")]
    public void TryParse_AnythingElse_IsRefused(string text) => Assert.Null(KernelOptions.TryParse(text));

    private static (KernelFamily Decode, KernelFamily Prompt) Choose(DeviceDescription device, string? options = null)
    {
        KernelChoice choice = KernelChoice.For(device, options is null ? KernelOptions.Default : KernelOptions.TryParse(options)!, _ => true);
        return (choice.Decode, choice.Prompt);
    }
}
