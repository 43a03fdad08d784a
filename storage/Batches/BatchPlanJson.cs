using System.Text.Json.Serialization;

namespace Gemma2.Storage.Batches;

/// <summary>Reads and writes plans of batches by code that is made at build.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(BatchPlan))]
internal sealed partial class BatchPlanJson : JsonSerializerContext;
