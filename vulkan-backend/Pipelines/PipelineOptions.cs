namespace Gemma2.Backend.Pipelines;

/// <summary>When pipelines are compiled, and where what the driver compiled is kept.</summary>
public sealed record PipelineOptions
{
    /// <summary>Compile every pipeline that a request can need while weights are read, not each when it is first needed.</summary>
    public bool CompileAll { get; init; }

    /// <summary>The folder below which compiled pipelines are kept; null keeps none. The default is this user's cache folder.</summary>
    public string? Folder { get; init; } = PipelineFolder.DefaultRoot;

    /// <summary>Where other machines keep theirs: looked into when the folder has nothing. Null looks nowhere.</summary>
    public IPipelineStore? Store { get; init; }

    /// <summary>How long an answer of the store is waited for: no longer than it can save.</summary>
    public TimeSpan StoreWait { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Told in a line what came of the store; null tells nobody.</summary>
    public Action<string>? Log { get; init; }
}
