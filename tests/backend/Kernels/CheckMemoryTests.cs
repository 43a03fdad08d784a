using Gemma2.Backend.Kernels.Check;

namespace Gemma2.Backend.Tests.Kernels;

public sealed class CheckMemoryTests
{
    [Fact]
    public void HasPassed_AnotherProcessRemembered_IsTrue()
    {
        string folder = Path.Combine(Directory.CreateTempSubdirectory().FullName, "not", "there");

        new CheckMemory(folder).Remember("device; driver; uses");

        var memory = new CheckMemory(folder);
        Assert.True(memory.HasPassed("device; driver; uses"));
        Assert.False(memory.HasPassed("device; newer driver; uses"));
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("/proc/no-such-folder")]
    public void Remember_NoFolderThatCanBeWritten_LastsAsLongAsTheProcess(string? folder)
    {
        var memory = new CheckMemory(folder);

        memory.Remember("check");

        Assert.True(memory.HasPassed("check"));
        Assert.False(new CheckMemory(folder).HasPassed("check"));
    }
}
