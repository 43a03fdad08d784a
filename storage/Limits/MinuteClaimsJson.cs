using System.Text.Json;
using System.Text.Json.Serialization;

namespace Gemma2.Storage.Limits;

/// <summary>Reads and writes what is claimed of a limit by code that is made at build.</summary>
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(MinuteClaims.Claims))]
internal sealed partial class MinuteClaimsJson : JsonSerializerContext;
