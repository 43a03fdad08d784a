using Gemma2.Backend.Pipelines;

namespace Gemma2.Backend.Tests.Pipelines;

public sealed class CompiledShadersTests
{
    private static readonly string _first = new('1', 64), _second = new('2', 64);

    [Fact]
    public void TryParse_WhatToBytesWrote_IsTheSame()
    {
        CompiledShaders parsed = CompiledShaders.TryParse(Compiled().ToBytes())!;

        Assert.Equal([1, 2, 3], parsed.Driver.ToArray());
        Assert.Equal(2, parsed.Count);
        Assert.Equal([4, 5], parsed.Find(_first)!.Value.ToArray());
        Assert.Equal([], parsed.Find(_second)!.Value.ToArray());
        Assert.Null(parsed.Find(new string('3', 64)));
    }

    [Fact]
    public void TryParse_CutAnywhere_IsNothingOrLess()
    {
        byte[] bytes = Compiled().ToBytes();
        for (int length = 0; length < bytes.Length; length++)
        {
            CompiledShaders? parsed = CompiledShaders.TryParse(bytes.AsMemory(0, length));
            Assert.True(parsed is null || parsed.Count < 2, $"{length} bytes");
        }
    }

    [Fact]
    public void TryParse_Noise_EndsWithoutAnError()
    {
        var random = new Random(1);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = Compiled().ToBytes();
            for (int flips = random.Next(1, 8); flips > 0; flips--) bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            CompiledShaders? parsed = CompiledShaders.TryParse(bytes);
            Assert.True(parsed is null || parsed.ToBytes().Length <= bytes.Length);
        }
    }

    [Fact]
    public void Add_Others_TakesWhatIsNotHere()
    {
        CompiledShaders own = new(), others = Compiled();
        own.Keep(_first, new byte[] { 9 });

        own.Add(others);

        Assert.Equal([9], own.Find(_first)!.Value.ToArray());
        Assert.Equal(2, own.Count);
    }

    private static CompiledShaders Compiled()
    {
        var compiled = new CompiledShaders { Driver = new byte[] { 1, 2, 3 } };
        compiled.Keep(_first, new byte[] { 4, 5 });
        compiled.Keep(_second, Array.Empty<byte>());
        return compiled;
    }
}
