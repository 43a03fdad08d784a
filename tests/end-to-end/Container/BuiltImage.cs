namespace Gemma2.EndToEnd.Tests.Container;

/// <summary>
/// The image's build stage, carried out here without a container engine: the files that its COPY instructions take, and nothing else, in a folder of their
/// own; its RUN instructions on them. What a builder installs before has to be on this machine.
/// </summary>
public sealed class BuiltImage : IAsyncLifetime
{
    private readonly string _folder = Directory.CreateTempSubdirectory("gemma2-image-").FullName;

    /// <summary>What the stage leaves in /publish.</summary>
    public string Publish => Path.Combine(_folder, "publish");

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        string source = Directory.CreateDirectory(Path.Combine(_folder, "source")).FullName;
        foreach ((_, string[] sources, string target) in Dockerfile.Copies.Where(copy => copy.Stage == "build"))
            foreach (string file in sources.SelectMany(Dockerfile.FilesOf)) Copy(file, target == "./" ? source : Path.Combine(source, target), sources.Single(copied => IsIn(file, copied)));
        foreach (Instruction run in Dockerfile.In("build", "RUN").Where(run => !run.Text.StartsWith("apt-get", StringComparison.Ordinal)))
        {
            string lines = run.Text.Replace("/publish", Publish, StringComparison.Ordinal);
            (int exitCode, string output) = await Script.RunBashAsync(
                $"source scripts/common.sh; cd '{source}'; {lines}", new Dictionary<string, string> { ["MSBUILDTERMINALLOGGER"] = "off" });
            Assert.True(exitCode == 0, output);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    private static bool IsIn(string file, string copied) => file == copied || file.StartsWith(copied + "/", StringComparison.Ordinal);

    // A folder's content is copied, not the folder.
    private static void Copy(string file, string target, string copied)
    {
        string path = Path.Combine(target, file == copied ? Path.GetFileName(file) : Path.GetRelativePath(copied, file));
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Copy(Path.Combine(Script.Root, file), path);
    }
}

/// <summary>The tests that share one <see cref="BuiltImage"/>: it takes a while.</summary>
[CollectionDefinition(nameof(BuiltImage))]
public sealed class BuiltImageTests : ICollectionFixture<BuiltImage>;
