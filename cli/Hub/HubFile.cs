using Gemma2.Storage.Models;

namespace Gemma2.Cli.Hub;

/// <summary>A file on the hub, of one commit.</summary>
internal sealed class HubFile : SourceFile
{
    private readonly HubClient _client;
    private Uri? _link;

    private HubFile(HubClient client, HubReference reference, string commit, HubEntry entry)
        : base(HubSelection.NameOf(entry.Path), entry.Size, entry.Hash)
    {
        (_client, Reference, Path) = (client, reference, entry.Path);
        Address = client.Address($"{reference.Repository}/resolve/{commit}/{string.Join('/', entry.Path.Split('/').Select(Uri.EscapeDataString))}");
    }

    /// <summary>What was asked for.</summary>
    public HubReference Reference { get; }

    /// <summary>Its path in the repository.</summary>
    public string Path { get; }

    /// <summary>Where the hub gives it, or says who does.</summary>
    public Uri Address { get; }

    /// <summary>The store that the hub led to last, while it gives the file.</summary>
    public Uri? Link
    {
        get => Volatile.Read(ref _link);
        set => Volatile.Write(ref _link, value);
    }

    /// <inheritdoc/>
    public override string Label => $"{Reference.Label}/{Path}";

    /// <summary>Finds the files of a model.</summary>
    /// <exception cref="HubException">There is no such model.</exception>
    public static async Task<IReadOnlyList<HubFile>> FindAsync(HubClient client, HubReference reference, CancellationToken cancellationToken)
    {
        HubRepository repository = await client.GetAsync(reference, cancellationToken);
        return [.. HubSelection.Select(reference, repository).Select(entry => new HubFile(client, reference, repository.Commit, entry))];
    }

    /// <inheritdoc/>
    public override ValueTask ReadAsync(long offset, Memory<byte> buffer, CancellationToken cancellationToken) => _client.ReadAsync(this, offset, buffer, cancellationToken);
}
