using System.Text.Json;
using Gemma2.Backend;
using Gemma2.Storage.Models.Cache;

namespace Gemma2.Storage.Models;

/// <summary>One file of a stored model.</summary>
/// <param name="Name">A plain name, no folders.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="Sha256">SHA-256 of its bytes, 64 lower-case hexadecimal digits.</param>
/// <param name="Blocks">The hashes of its blocks; null in manifests that were written before there were any.</param>
public sealed record ModelFile(string Name, long Size, string Sha256, ModelBlocks? Blocks = null);

/// <summary>
/// A model's <c>manifest.json</c>: <c>{"files":[{"name","size","sha256","blocks":{"bytes","sha256":[]}}]}</c>. It is written last, so that a model without one is
/// not complete.
/// </summary>
/// <param name="Files">The model's files, sorted by name.</param>
public sealed record ModelManifest(IReadOnlyList<ModelFile> Files)
{
    /// <summary>Its blob's name beside the model's files.</summary>
    public const string FileName = "manifest.json";

    /// <summary>A manifest is at most this long: the blocks of a model of 100 GB take a quarter of it.</summary>
    public const int MaxBytes = 4 << 20;

    /// <summary>Reads a manifest. Fields that it does not know are passed over.</summary>
    /// <param name="model">The model's name, for messages.</param>
    /// <param name="json">The blob's bytes.</param>
    /// <exception cref="ModelException">It is malformed, or names a file twice or in a way that is not allowed.</exception>
    public static ModelManifest Parse(string model, ReadOnlySpan<byte> json)
    {
        ModelManifest manifest;
        try
        {
            manifest = JsonSerializer.Deserialize(json, ManifestJson.Default.ModelManifest) ?? throw new JsonException("it is null");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new ModelException($"{model}/{FileName} is malformed: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        if (manifest.Files.Count == 0) throw new ModelException($"{model}/{FileName} names no file.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (ModelFile file in manifest.Files)
        {
            if (file is null) throw new ModelException($"{model}/{FileName} is malformed: a file is null.");
            ModelName.ValidateFile(model, file.Name);
            if (!names.Add(file.Name)) throw new ModelException($"{model}/{FileName} names {file.Name} twice.");
            if (file.Size < 0) throw new ModelException($"{model}/{FileName}: {file.Name} has the size {file.Size}.");
            if (!ModelHash.IsValid(file.Sha256)) throw new ModelException($"{model}/{FileName}: the sha256 of {file.Name} is not 64 hexadecimal digits.");
            if (file.Blocks?.WhatIsWrong(file.Size) is { } wrong) throw new ModelException($"{model}/{FileName}: the blocks of {file.Name} {wrong}.");
        }
        return new ModelManifest([.. manifest.Files.Select(file => file with { Sha256 = file.Sha256.ToLowerInvariant(), Blocks = file.Blocks?.ToLowerCase() })]);
    }

    /// <summary>The manifest as it is stored.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Default.ModelManifest);
}
