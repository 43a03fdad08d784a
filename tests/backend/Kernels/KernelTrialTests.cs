using System.Diagnostics;
using Gemma2.Backend.Config;
using Gemma2.Backend.Device;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Attention;
using Gemma2.Backend.Kernels.Check;
using Gemma2.Backend.Kernels.Matrix;
using Gemma2.Backend.Kernels.Sampling;
using Gemma2.Backend.Model;
using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Tests.Kernels;

/// <summary>The check of kernels at the start: right ones pass it in every shape, and a kernel that computes something else is found.</summary>
public sealed class KernelTrialTests(DeviceFixture fixture, ITestOutputHelper output) : KernelTest(fixture)
{
    private static readonly AttentionShape _shape = new() { Heads = 4, KeyValueHeads = 2, HeadDimension = 72, Scale = 0.1, Softcap = 50 };

    public static TheoryData<string, TensorType, TensorType> Models() => new()
    {
        { "tiny", TensorType.BF16, TensorType.F32 },
        { "2b", TensorType.Q6_K, TensorType.F16 },
        { "9b", TensorType.Q8_0, TensorType.Q8_0 },
        { "27b", TensorType.Q4_0, TensorType.F16 },
    };

    public static TheoryData<TensorType> CacheTypes => [TensorType.F32, TensorType.F16, TensorType.Q8_0];

    [Theory, MemberData(nameof(Models))]
    public void Run_KernelsOfAModel_AreRight(string model, TensorType embedding, TensorType cache)
    {
        KernelSet kernels = Own(new KernelSet(Device, Config(model), embedding, cache, new MatrixKernels(Device, KernelOptions.Default), gatesApart: true));
        long before = Device.AllocatedBytes;
        foreach (KernelTrial trial in kernels.Trials().Concat(kernels.PromptTrials()))
        {
            trial.Run(); // Compiles.
            long start = Stopwatch.GetTimestamp();
            KernelVerdict verdict = trial.Run();
            output.WriteLine($"{verdict} ({Stopwatch.GetElapsedTime(start).TotalMilliseconds:0} ms)");
            Assert.True(verdict.IsRight, verdict.ToString());
            Assert.InRange(verdict.Error!.Value, 0, verdict.Allowed!.Value);
        }
        Assert.Equal(before, Device.AllocatedBytes);
    }

    [Theory]
    [InlineData(KernelFamily.Cpu)]
    [InlineData(KernelFamily.Tiled)]
    public void Run_AttentionOfOddShapes_IsRight(KernelFamily family)
    {
        foreach (TensorType type in CacheTypes.Select(row => row.Data))
        {
            var store = Own(new RopeStoreKernel(Device, _shape, type));
            var attention = Own(new AttentionKernel(Device, _shape, type, family));
            foreach (RowKind kind in Enum.GetValues<RowKind>())
                foreach (bool isSliding in new[] { false, true })
                    AssertRight(new AttentionTrial(Device, attention, store, _shape, type, kind, isSliding));
        }
    }

    [Theory, MemberData(nameof(CacheTypes))]
    public void Run_AttentionOfOtherNumbers_IsWrong(TensorType type)
    {
        var store = Own(new RopeStoreKernel(Device, _shape, type));
        foreach (AttentionShape other in new[] { _shape with { Scale = 0.101 }, _shape with { Softcap = 0 }, _shape with { Softcap = 48 } })
        {
            var attention = Own(new AttentionKernel(Device, other, type));
            foreach (RowKind kind in Enum.GetValues<RowKind>())
                AssertWrong("gave ", new AttentionTrial(Device, attention, store, _shape, type, kind, isSliding: true));
        }
    }

    [Fact]
    public void Run_AttentionThatReadsAnotherType_IsWrong()
    {
        // Of a narrower type, so that it reads nothing behind the cache.
        var store = Own(new RopeStoreKernel(Device, _shape, TensorType.F32));
        var attention = Own(new AttentionKernel(Device, _shape, TensorType.F16));
        foreach (RowKind kind in Enum.GetValues<RowKind>())
            AssertWrong("gave ", new AttentionTrial(Device, attention, store, _shape, TensorType.F32, kind, isSliding: false));
    }

    [Fact]
    public void Run_StoreOfAnotherType_IsWrong()
    {
        var store = Own(new RopeStoreKernel(Device, _shape, TensorType.F16));
        AssertWrong("gave ", new RopeStoreTrial(Device, store, _shape, TensorType.F32));
    }

    [Fact]
    public void Run_CandidatesOfAShorterRow_AreWrong() =>
        AssertWrong("gave ", new CandidatesTrial(Device, Own(new CandidatesKernel(Device, 4999)), 5000));

    [Fact]
    public void Check_WrongAttentionOfPrompts_GivesWayToTheOtherOne()
    {
        using KernelSet kernels = Create();
        KernelFamily first = kernels.PromptAttention;

        kernels.Check(trial => trial.Run() is var verdict && verdict.Kernel.EndsWith($"prompt {first.Word()}", StringComparison.Ordinal) ? verdict with { Fault = "gave 1 for 2" } : verdict);

        Assert.NotEqual(first, kernels.PromptAttention);
        Assert.StartsWith($"The {first.Word()} kernel of attention is not used on {Device.Description.Name}: attention, prompt {first.Word()}", Assert.Single(kernels.Warnings), StringComparison.Ordinal);
        Assert.All(kernels.PromptTrials(), AssertRight);
    }

    [Fact]
    public void Check_WrongAttentionThatWasAskedFor_IsUsedAllTheSame()
    {
        using KernelSet kernels = Create(KernelFamily.Generic);
        kernels.Check(trial => trial.Run() is var verdict && verdict.Kernel.Contains("prompt", StringComparison.Ordinal) ? verdict with { Fault = "gave 1 for 2" } : verdict);
        Assert.Empty(kernels.Warnings);
    }

    [Theory]
    [InlineData("norm"), InlineData("add and norm"), InlineData("embed"), InlineData("rope and store"), InlineData("attention, decode"), InlineData("candidates"), InlineData("geglu"), InlineData("attention, prompt")]
    public void Check_WrongKernelWithoutAnother_IsRefusedInOneLine(string kernel)
    {
        using KernelSet kernels = Create();
        var error = Assert.Throws<DeviceException>(
            () => kernels.Check(trial => trial.Run() is var verdict && verdict.Kernel.StartsWith(kernel, StringComparison.Ordinal) ? verdict with { Fault = "gave 1 for 2" } : verdict));
        Assert.StartsWith($"{Device.Description.Name} cannot be used: on this driver, {kernel}", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("gave 1 for 2.", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void CheckOnce_KernelsThatPassed_AreNotTriedAgain()
    {
        var memory = new CheckMemory(folder: null);
        using KernelSet kernels = Create();
        kernels.CheckOnce(memory, TestContext.Current.CancellationToken);
        long objects = Device.MadeCount;
        kernels.CheckOnce(memory, TestContext.Current.CancellationToken);
        Assert.Equal(objects, Device.MadeCount);
    }

    private KernelSet Create(KernelFamily? forced = null) =>
        new(Device, Config("tiny"), TensorType.F16, TensorType.F16, new MatrixKernels(Device, new KernelOptions { Forced = forced }), gatesApart: true);

    private static Gemma2Config Config(string model) => model == "tiny" ? Gemma2Shapes.Tiny : Gemma2Shapes.Published[model];

    private static void AssertRight(KernelTrial trial)
    {
        KernelVerdict verdict = trial.Run();
        Assert.True(verdict.IsRight, verdict.ToString());
    }

    private static void AssertWrong(string fault, KernelTrial trial)
    {
        KernelVerdict verdict = trial.Run();
        Assert.False(verdict.IsRight, verdict.ToString());
        Assert.StartsWith(fault, verdict.Fault, StringComparison.Ordinal);
    }
}
