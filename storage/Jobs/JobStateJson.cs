using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gemma2.Storage.Jobs;

/// <summary>Reads and writes the states of jobs by code that is made at build.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(JobState))]
internal sealed partial class JobStateJson : JsonSerializerContext;
