namespace Gemma2.Storage;

/// <summary>Creates the containers and queues that are missing.</summary>
public static class StorageProvisioning
{
    /// <summary>Creates what is missing. An identity that may not create them is fine where they exist.</summary>
    /// <exception cref="StorageException">One does not exist and may not be created, or storage cannot be reached.</exception>
    public static async Task EnsureCreatedAsync(StorageConnection connection, CancellationToken cancellationToken)
    {
        // What is wrong with the account itself shows with the first; all others are looked at side by side.
        await EnsureContainerAsync(connection, StorageNames.Containers[0], cancellationToken);
        await Task.WhenAll(
        [
            .. StorageNames.Containers.Skip(1).Select(container => EnsureContainerAsync(connection, container, cancellationToken)),
            .. StorageNames.Queues.Select(queue => EnsureQueueAsync(connection, queue, cancellationToken)),
        ]);
    }

    internal static Task EnsureContainerAsync(StorageConnection connection, string name, CancellationToken cancellationToken)
    {
        var container = connection.Blobs.GetBlobContainerClient(name);
        return EnsureAsync(
            connection.Pipeline,
            $"container '{name}'",
            $"{connection}",
            async token => await container.CreateIfNotExistsAsync(cancellationToken: token) is not null,
            async token => await container.ExistsAsync(token),
            cancellationToken);
    }

    internal static Task EnsureQueueAsync(StorageConnection connection, string name, CancellationToken cancellationToken)
    {
        var queue = connection.Queues.GetQueueClient(name);
        return EnsureAsync(
            connection.QueuePipeline,
            $"queue '{name}'",
            $"{connection}",
            async token => await queue.CreateIfNotExistsAsync(cancellationToken: token) is not null,
            async token => await queue.ExistsAsync(token),
            cancellationToken);
    }

    private static async Task EnsureAsync(
        StoragePipeline pipeline, string what, string where, Func<CancellationToken, Task<bool>> create, Func<CancellationToken, Task<bool>> exists, CancellationToken cancellationToken)
    {
        try
        {
            await pipeline.RunAsync($"Creating {what}", create, cancellationToken);
        }
        catch (StorageException e) when (e.Status == 403)
        {
            if (await pipeline.RunAsync($"Looking for {what}", exists, cancellationToken)) return;
            throw new StorageException($"The {what} does not exist at {where}, and this identity may not create it.", e.Status, e.Code, e);
        }
    }
}
