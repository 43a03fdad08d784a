using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gemma2.Storage.Batches;

/// <summary>Reads and writes records of batches by code that is made at build.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters = [typeof(StatusConverter)],
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(BatchRecord))]
internal sealed partial class BatchRecordJson : JsonSerializerContext
{
    /// <summary>A status by its name.</summary>
    public sealed class StatusConverter() : JsonStringEnumConverter<BatchStatus>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);
}
