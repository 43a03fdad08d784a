using System.Runtime.InteropServices;
using Gemma2.Backend.Kernels;
using Gemma2.Backend.Kernels.Peaks;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class BenchKernelTests(DeviceFixture fixture) : KernelTest(fixture)
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Read_WholeBuffer_ReadsEveryWordOnce(int steps)
    {
        var words = new ulong[steps * BenchReadKernel.Granularity / sizeof(ulong)];
        Random.NextBytes(MemoryMarshal.AsBytes(words.AsSpan()));
        var poison = new ulong[BenchReadKernel.SumBytes / sizeof(ulong)];
        Array.Fill(poison, ulong.MaxValue / 3);
        ulong sums = Upload<ulong>(poison);
        var kernel = Own(new BenchReadKernel(Device));

        Run(commands => kernel.Record(commands, Upload<ulong>(words), sums, steps * BenchReadKernel.Granularity));

        Assert.Equal(Total(words), Total(Read<ulong>(sums, poison.Length)));
    }

    [Fact]
    public void Read_PartOfAStep_IsRefused()
    {
        var kernel = Own(new BenchReadKernel(Device));
        Assert.Throws<ArgumentException>(() => Run(commands => kernel.Record(commands, 0, 0, BenchReadKernel.Granularity - 16)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(37)]
    public void Fma_AnySteps_EqualsTheRecurrence(int steps)
    {
        const double factor = 0.75, addend = 0.5;
        const int sums = 16;
        var kernel = Own(new BenchFmaKernel(Device));
        Activation y = PoisonedRows(1, kernel.Threads);

        Run(commands => kernel.Record(commands, y.Address, (uint)steps, (float)factor, (float)addend));

        // s -> f s + a, n times, is f^n (s - a / (1 - f)) + a / (1 - f).
        double rest = addend / (1 - factor), shrunk = Math.Pow(factor, steps * BenchFmaKernel.MultiplyAddsPerStep / (double)sums);
        float[] actual = ReadRows(y, 1);
        double[] expected = [.. Enumerable.Range(0, actual.Length).Select(thread => Enumerable.Range(0, sums).Sum(i => (shrunk * ((thread % 256) + i - rest)) + rest))];
        AssertClose(expected, actual, i => 1e-5 * Math.Abs(expected[i]));
    }

    private static ulong Total(ReadOnlySpan<ulong> words)
    {
        ulong total = 0;
        foreach (ulong word in words) total = unchecked(total + word);
        return total;
    }
}
