using System.Text.Json.Serialization;

namespace Gemma2.Storage.Batches;

/// <summary>Reads and writes messages of batches by code that is made at build.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault,
    RespectRequiredConstructorParameters = true,
    RespectNullableAnnotations = true,
    AllowDuplicateProperties = false,
    MaxDepth = 8)]
[JsonSerializable(typeof(BatchMessage.Wire))]
internal sealed partial class BatchMessageJson : JsonSerializerContext;
