using System.Text.Json.Serialization;

namespace Gemma2.Storage;

/// <summary>Reads and writes plain JSON by code that is made at build.</summary>
[JsonSerializable(typeof(string))]
[JsonSerializable(typeof(Dictionary<string, string?>))]
internal sealed partial class StorageJson : JsonSerializerContext;
