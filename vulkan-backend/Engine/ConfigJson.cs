using System.Text.Json.Serialization;
using Gemma2.Backend.Config;

namespace Gemma2.Backend.Engine;

/// <summary>Writes a configuration by code that is made at build: a start waits for it.</summary>
[JsonSerializable(typeof(Gemma2Config))]
internal sealed partial class ConfigJson : JsonSerializerContext;
