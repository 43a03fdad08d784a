using Gemma2.Backend.Tensors;

namespace Gemma2.Backend.Formats.Files;

/// <summary>
/// What becomes of an output matrix of its own. One that is the embedding again, as trainers and mergers write it, takes no memory; another one is what the model's
/// logits are made with, whatever its configuration says of tied matrices. transformers (from version 5 on) and vLLM decide so too.
/// </summary>
internal static class OutputMatrix
{
    // Of either matrix at once: a few blocks of any source, so that they come side by side.
    private const int ChunkBlocks = 8, MostChunkBytes = 32 << 20;

    /// <summary>Leaves a copy of the embedding aside. Which it is must be known before memory is taken, so that both are read here, up to where they differ.</summary>
    /// <param name="source">The model.</param>
    /// <param name="files">Its weight files, checked.</param>
    /// <param name="notes">Takes what was decided.</param>
    /// <param name="nameInFile">What a weight file calls the tensor of a name; null: the same.</param>
    /// <param name="cancellationToken">Stops the reading.</param>
    /// <exception cref="ModelException">A file cannot be read.</exception>
    public static async Task ResolveAsync(
        IModelSource source, IReadOnlyList<WeightFile> files, ICollection<string> notes, Func<string, string>? nameInFile = null, CancellationToken cancellationToken = default)
    {
        if (Find(files, TensorNames.Head) is not { } head) return;
        TensorEntry embedding = Find(files, TensorNames.Embedding)!;
        string Name(TensorEntry tensor) => nameInFile?.Invoke(tensor.Name) ?? tensor.Name;
        if (head.Type != embedding.Type || !await AreEqualAsync(source, head, embedding, cancellationToken).ConfigureAwait(false))
        {
            notes.Add($"{Name(head)} is another matrix than {Name(embedding)}: it is the output matrix.");
            return;
        }
        foreach (WeightFile file in files) file.LeaveAside(tensor => tensor == head);
        notes.Add($"{Name(head)} is the same as {Name(embedding)}, and left aside: one matrix does for both.");
    }

    private static TensorEntry? Find(IReadOnlyList<WeightFile> files, string name) =>
        files.SelectMany(file => file.Tensors).FirstOrDefault(tensor => tensor.Name == name);

    private static async Task<bool> AreEqualAsync(IModelSource source, TensorEntry first, TensorEntry second, CancellationToken cancellationToken)
    {
        // Open twice even where they lie in one file: a source that hashes what is read in turn expects one reader that goes forward.
        await using IModelFile firstFile = await source.OpenAsync(first.File, cancellationToken).ConfigureAwait(false);
        await using IModelFile secondFile = await source.OpenAsync(second.File, cancellationToken).ConfigureAwait(false);
        int chunk = (int)Math.Min(Math.Min((long)ChunkBlocks * Math.Max(firstFile.BlockBytes, secondFile.BlockBytes), MostChunkBytes), first.Length);
        byte[] a = new byte[chunk], b = new byte[chunk];
        for (long at = 0; at < first.Length; at += chunk)
        {
            int count = (int)Math.Min(chunk, first.Length - at);
            await Task.WhenAll(ReadAsync(firstFile, first, at, a.AsMemory(0, count)), ReadAsync(secondFile, second, at, b.AsMemory(0, count))).ConfigureAwait(false);
            if (!a.AsSpan(0, count).SequenceEqual(b.AsSpan(0, count))) return false;
        }
        return true;

        Task ReadAsync(IModelFile file, TensorEntry tensor, long at, Memory<byte> part) => tensor.Offset + at + part.Length <= file.Length
            ? file.ReadAsync(tensor.Offset + at, part, cancellationToken).AsTask()
            : throw new ModelException($"{source.Name}/{tensor.File}: ends before its listed length.");
    }
}
