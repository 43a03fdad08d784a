using System.Text.Json;
using System.Text.Json.Nodes;
using Gemma2.Backend.Formats.Files;
using Gemma2.Golden;

namespace Gemma2.Backend.Tests.Engine;

/// <summary>A copy of a golden model, in a folder of its own, to be changed.</summary>
internal sealed class ChangedModel : IDisposable
{
    private const string WeightFile = "model.safetensors";

    public ChangedModel(string golden)
    {
        Path = Directory.CreateTempSubdirectory("changed-model-").FullName;
        foreach (string file in Directory.GetFiles(GoldenModels.Open(golden).Folder))
            File.Copy(file, System.IO.Path.Combine(Path, System.IO.Path.GetFileName(file)));
    }

    public string Path { get; }

    /// <summary>Sets a value in config.json.</summary>
    public void SetConfig(string key, JsonNode value)
    {
        string path = System.IO.Path.Combine(Path, "config.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = value;
        File.WriteAllText(path, config.ToJsonString());
    }

    /// <summary>Adds a file.</summary>
    public void Add(string source, string name) => File.Copy(source, System.IO.Path.Combine(Path, name));

    /// <summary>Overwrites one float32 of the embedding.</summary>
    public void SetEmbedding(int token, int column, float value)
    {
        using FileStream file = File.Open(System.IO.Path.Combine(Path, WeightFile), FileMode.Open);
        var length = new byte[8];
        file.ReadExactly(length);
        var header = new byte[BitConverter.ToInt64(length)];
        file.ReadExactly(header);
        using JsonDocument json = JsonDocument.Parse(header);
        JsonElement embedding = json.RootElement.GetProperty("model.embed_tokens.weight");
        int hidden = embedding.GetProperty("shape")[1].GetInt32();
        long begin = embedding.GetProperty("data_offsets")[0].GetInt64();
        file.Position = 8 + header.Length + begin + (((token * hidden) + column) * sizeof(float));
        file.Write(BitConverter.GetBytes(value));
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
