using System.IO.Compression;
using Gemma2.Backend.Pipelines;

namespace Gemma2.Backend.Tests.Pipelines;

public sealed class PipelineArchiveTests : IDisposable
{
    private const string Key = "device-1";
    private static readonly string _check = new('a', 32);

    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void TryUnpack_WhatTryPackGave_IsTheSameFolder()
    {
        (PipelineFolder folder, PipelineArchive archive) = Filled("here");

        byte[] packed = archive.TryPack()!;
        (PipelineFolder other, PipelineArchive empty) = Empty("there");
        PipelineEntries entries = PipelineEntries.TryOpen(Key, packed)!;

        Assert.True(empty.TryUnpack(entries));
        Assert.Equal(Files(folder.Path!), Files(other.Path!));
        Assert.Equal(4, entries.All.Count);
        Assert.Equal([7], entries.CompiledOf(Key)!.Driver.ToArray());
        Assert.False(archive.HasMoreThan(entries));
    }

    [Fact]
    public void TryPack_FilesOfOthers_AreLeftOut()
    {
        (PipelineFolder folder, PipelineArchive archive) = Filled("here");
        File.WriteAllText(Path.Combine(folder.Checks!, "notes.txt"), "mine");
        File.WriteAllText(Path.Combine(folder.Mesa!, "secret"), "mine");
        File.WriteAllText(Path.Combine(folder.Path!, ".hidden"), "mine");

        Assert.Equal(4, PipelineEntries.TryOpen(Key, archive.TryPack()!)!.All.Count);
    }

    [Fact]
    public void TryUnpack_WhereMesaHasFiles_LeavesThemAsTheyAre()
    {
        PipelineEntries entries = PipelineEntries.TryOpen(Key, Filled("here").Archive.TryPack()!)!;
        (PipelineFolder folder, PipelineArchive archive) = Empty("there");
        string own = Path.Combine(folder.Mesa!, "mesa_shader_cache_db", "index");
        Directory.CreateDirectory(Path.GetDirectoryName(own)!);
        File.WriteAllText(own, "own");

        Assert.True(archive.TryUnpack(entries));

        Assert.Equal("own", File.ReadAllText(own));
        Assert.Single(Directory.GetFiles(folder.Mesa!, "*", SearchOption.AllDirectories));
        Assert.NotNull(folder.TryRead());
    }

    [Fact]
    public void HasMoreThan_OneCheckOrByteMore_IsTrue()
    {
        (PipelineFolder folder, PipelineArchive archive) = Filled("here");
        PipelineEntries before = PipelineEntries.TryOpen(Key, archive.TryPack()!)!;

        File.AppendAllText(Path.Combine(folder.Mesa!, "mesa_shader_cache_db", "index"), "+");
        Assert.True(archive.HasMoreThan(before));

        before = PipelineEntries.TryOpen(Key, archive.TryPack()!)!;
        Assert.False(archive.HasMoreThan(before));
        File.Create(Path.Combine(folder.Checks!, new string('b', 32))).Dispose();
        Assert.True(archive.HasMoreThan(before));
    }

    [Fact]
    public void TryPack_NothingOrTooMuch_GivesNothing()
    {
        Assert.Null(Empty("none").Archive.TryPack());
        (PipelineFolder folder, PipelineArchive archive) = Filled("here");
        using (FileStream huge = File.OpenWrite(Path.Combine(folder.Mesa!, "mesa_shader_cache_db", "index"))) huge.SetLength(PipelineFolder.MostBytes + 1L);

        Assert.Null(archive.TryPack());
    }

    [Theory]
    [InlineData("../compiled")]
    [InlineData("/etc/passwd")]
    [InlineData("checks/../../x")]
    [InlineData("checks/aaaa")]
    [InlineData("mesa/../../.bashrc")]
    [InlineData("mesa/mesa_shader_cache_db/../../../x")]
    [InlineData("mesa/mesa_shader_cache_db/.hidden")]
    [InlineData("mesa/other/x")]
    [InlineData("mesa\\mesa_shader_cache\\x")]
    [InlineData("compiled\n")]
    [InlineData("x")]
    public void TryOpen_NameThatMayNotBe_OpensNothing(string name)
    {
        Assert.False(PipelineEntries.IsAllowed(name));
        Assert.Null(PipelineEntries.TryOpen(Key, SealedBytes.Seal(Key, Zip((name, [1]), ("compiled", [2])))));
    }

    [Fact]
    public void TryOpen_TwoOfOneName_OpensNothing() => Assert.Null(PipelineEntries.TryOpen(Key, SealedBytes.Seal(Key, Zip(("compiled", [1]), ("compiled", [2])))));

    [Fact]
    public void TryOpen_MoreThanAllowed_OpensNothing()
    {
        byte[] bomb = Zip(("compiled", new byte[PipelineFolder.MostBytes / 2]), ("mesa/mesa_shader_cache/x", new byte[(PipelineFolder.MostBytes / 2) + 1]));

        Assert.True(bomb.Length < 1 << 20);
        Assert.Null(PipelineEntries.TryOpen(Key, SealedBytes.Seal(Key, bomb)));
    }

    [Fact]
    public void TryOpen_AnotherKeyOrNoArchive_OpensNothing()
    {
        byte[] packed = Filled("here").Archive.TryPack()!;

        Assert.Null(PipelineEntries.TryOpen("device-2", packed));
        Assert.Null(PipelineEntries.TryOpen(Key, "nothing of the kind"u8.ToArray()));
        Assert.Null(PipelineEntries.TryOpen(Key, SealedBytes.Seal(Key, "nothing of the kind"u8)));
        Assert.Null(PipelineEntries.TryOpen(Key, Array.Empty<byte>()));
    }

    [Fact]
    public void TryOpen_SealedNoise_EndsWithoutAnError()
    {
        byte[] packed = Filled("here").Archive.TryPack()!;
        var random = new Random(1);
        for (int i = 0; i < 1000; i++)
        {
            byte[] content = packed[SealedBytes.HeaderBytes..];
            for (int flips = random.Next(1, 10); flips > 0; flips--) content[random.Next(content.Length)] = (byte)random.Next(256);
            PipelineEntries? entries = PipelineEntries.TryOpen(Key, SealedBytes.Seal(Key, content.AsSpan(0, random.Next(2) == 0 ? content.Length : random.Next(content.Length))));
            Assert.True(entries is null || entries.All.Keys.All(PipelineEntries.IsAllowed));
        }
    }

    private (PipelineFolder Folder, PipelineArchive Archive) Empty(string name)
    {
        var folder = new PipelineFolder(_root.Below(name), Key);
        return (folder, new PipelineArchive(folder, folder.Mesa));
    }

    private (PipelineFolder Folder, PipelineArchive Archive) Filled(string name)
    {
        (PipelineFolder folder, PipelineArchive archive) = Empty(name);
        folder.TryWrite(new CompiledShaders { Driver = new byte[] { 7 } });
        PipelineFolder.TryWrite(Path.Combine(folder.Checks!, _check), []);
        PipelineFolder.TryWrite(Path.Combine(folder.Mesa!, "mesa_shader_cache_db", "part1", "mesa_cache.db"), new byte[5000]);
        PipelineFolder.TryWrite(Path.Combine(folder.Mesa!, "mesa_shader_cache_db", "index"), [1, 2, 3]);
        return (folder, archive);
    }

    private static byte[] Zip(params (string Name, byte[] Content)[] entries)
    {
        using var packed = new MemoryStream();
        using (var zip = new ZipArchive(packed, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string name, byte[] content) in entries)
            {
                using Stream entry = zip.CreateEntry(name).Open();
                entry.Write(content);
            }
        }
        return packed.ToArray();
    }

    private static Dictionary<string, string> Files(string folder) =>
        Directory.GetFiles(folder, "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(folder, file), file => Convert.ToHexString(File.ReadAllBytes(file)));
}
