using System.ComponentModel;
using System.Diagnostics;
using Gemma2.Backend.Pipelines;

namespace Gemma2.Backend.Tests.Pipelines;

public sealed class PipelineFolderTests : IDisposable
{
    private const string Key = "device-1";

    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void TryRead_WhatWasWritten_IsThere()
    {
        var folder = new PipelineFolder(_root.Path, Key);

        Assert.Null(folder.TryRead());
        Assert.True(folder.TryWrite(Compiled()));

        Assert.Equal([1, 2, 3], new PipelineFolder(_root.Path, Key).TryRead()!.Driver.ToArray());
        Assert.Equal([folder.Compiled!], Directory.GetFiles(folder.Path!));
    }

    [Fact]
    public void TryRead_FileOfAnotherKey_IsNothing()
    {
        var theirs = new PipelineFolder(_root.Path, "device-2");
        theirs.TryWrite(Compiled());
        var own = new PipelineFolder(_root.Path, Key);
        Directory.CreateDirectory(own.Path!);

        File.Copy(theirs.Compiled!, own.Compiled!);

        Assert.Null(own.TryRead());
    }

    [Fact]
    public void TryRead_EmptyOrHugeFileOrAFolder_IsNothing()
    {
        var folder = new PipelineFolder(_root.Path, Key);
        Directory.CreateDirectory(folder.Path!);

        File.WriteAllBytes(folder.Compiled!, []);
        Assert.Null(folder.TryRead());

        // Takes no room on the disk.
        using (FileStream huge = File.Create(folder.Compiled!)) huge.SetLength(1L << 40);
        Assert.Null(folder.TryRead());

        File.Delete(folder.Compiled!);
        Directory.CreateDirectory(folder.Compiled!);
        Assert.Null(folder.TryRead());
        Assert.False(folder.TryWrite(Compiled()));
    }

    [Theory, InlineData("/proc/no-such-folder"), InlineData("/dev/null/folder"), InlineData(null)]
    public void TryWrite_WhereNothingCanBeWritten_IsFalse(string? root)
    {
        var folder = new PipelineFolder(root, Key);

        Assert.False(folder.TryTouch());
        Assert.False(folder.TryWrite(Compiled()));
        Assert.Null(folder.TryRead());
    }

    [Fact]
    public void TryWrite_FullDisk_KeepsWhatWasThere()
    {
        string disk = _root.Below("disk");
        Directory.CreateDirectory(disk);
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk), "No small disk can be mounted here.");
        try
        {
            var folder = new PipelineFolder(disk, Key);
            Assert.True(folder.TryWrite(Compiled()));

            Assert.False(folder.TryWrite(new CompiledShaders { Driver = new byte[1 << 20] }));

            Assert.Equal([1, 2, 3], folder.TryRead()!.Driver.ToArray());
            Assert.Single(Directory.GetFiles(folder.Path!));
        }
        finally
        {
            Run("umount", disk);
        }
    }

    [Fact]
    public void TryTouch_ManyKeys_KeepsThoseUsedLast()
    {
        for (int i = 0; i < 9; i++)
        {
            var folder = new PipelineFolder(_root.Path, $"device-{i}");
            Assert.True(folder.TryTouch());
            folder.TryWrite(Compiled());
            Directory.SetLastWriteTimeUtc(folder.Path!, DateTime.UtcNow.AddDays(i - 20));
        }

        new PipelineFolder(_root.Path, "device-0").TryTouch();

        Assert.Equal(["device-0", "device-6", "device-7", "device-8"], Directory.GetDirectories(_root.Path).Select(Path.GetFileName).Order());
    }

    private static bool Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (Win32Exception)
        {
            return false;
        }
    }

    private static CompiledShaders Compiled() => new() { Driver = new byte[] { 1, 2, 3 } };
}
