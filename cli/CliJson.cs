using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Gemma2.Backend.Device;
using Gemma2.Backend.Engine;
using Gemma2.Backend.Tensors;
using Gemma2.Backend.Text;
using Gemma2.Cli.Benchmarks;
using Gemma2.Cli.Commands;
using Gemma2.Cli.Commands.Batches;
using Gemma2.Cli.Commands.Jobs;
using Gemma2.Cli.Models;
using Gemma2.Cli.Planning.Report;
using Gemma2.Cli.Terminal;
using Gemma2.Storage.Batches;
using Gemma2.Storage.Jobs;

namespace Gemma2.Cli;

/// <summary>
/// Every JSON shape that the program reads or writes: snake_case, generated at build time so that a short run does not pay for reflection.
/// </summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    Converters =
    [
        typeof(SnakeCaseEnum<BatchStatus>),
        typeof(SnakeCaseEnum<DeviceKind>),
        typeof(SnakeCaseEnum<FinishReason>),
        typeof(SnakeCaseEnum<JobStatus>),
        typeof(SnakeCaseEnum<KernelFamily>),
        typeof(SnakeCaseEnum<KvCacheType>),
        typeof(JsonStringEnumConverter<TensorType>),
    ],
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(BatchListReport))]
[JsonSerializable(typeof(BatchReport))]
[JsonSerializable(typeof(BenchReport))]
[JsonSerializable(typeof(ChatMessage[]))]
[JsonSerializable(typeof(CompletionBody))]
[JsonSerializable(typeof(DeviceCheckReport))]
[JsonSerializable(typeof(DeviceReport))]
[JsonSerializable(typeof(ErrorAnswer))]
[JsonSerializable(typeof(FetchReport))]
[JsonSerializable(typeof(FileReport))]
[JsonSerializable(typeof(GenerationReport))]
[JsonSerializable(typeof(JobListReport))]
[JsonSerializable(typeof(JobReport))]
[JsonSerializable(typeof(MaskError))]
[JsonSerializable(typeof(MaskReport))]
[JsonSerializable(typeof(ModelFileReport))]
[JsonSerializable(typeof(ModelReport))]
[JsonSerializable(typeof(PlanReport))]
[JsonSerializable(typeof(PullReport))]
[JsonSerializable(typeof(PushReport))]
[JsonSerializable(typeof(RequeueReport))]
[JsonSerializable(typeof(WarmReport))]
[JsonSerializable(typeof(int[]))]
[JsonSerializable(typeof(string))]
internal sealed partial class CliJson : JsonSerializerContext
{
    /// <summary>Documents for <c>--json</c>: indented, since people read them too.</summary>
    public static CliJson Document => field ??= new(Relaxed(indented: true));

    /// <summary>Answers and requests on one line; what is null is left out.</summary>
    public static CliJson Lines => field ??= new(Relaxed(indented: false));

    // The relaxed encoder leaves letters of every script readable and still escapes line separators and control characters.
    private static JsonSerializerOptions Relaxed(bool indented) => new(Default.GeneratedSerializerOptions!)
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = indented,
        DefaultIgnoreCondition = indented ? JsonIgnoreCondition.Never : JsonIgnoreCondition.WhenWritingNull,
    };
}

/// <summary>Writes an enumeration's names as the properties are written.</summary>
internal sealed class SnakeCaseEnum<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.SnakeCaseLower)
    where T : struct, Enum;
