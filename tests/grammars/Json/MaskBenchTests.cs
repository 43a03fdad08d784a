using System.Text.Encodings.Web;
using System.Text.Json;
using Gemma2.Golden;

namespace Gemma2.Grammars.Tests.Json;

/// <summary>Schemas of the real world with instances: the sample of MaskBench (guidance-ai/jsonschemabench) that lies beside the checkout, where it does.</summary>
public sealed class MaskBenchTests
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 1000 };

    [Fact]
    public void Compile_SchemasOfTheRealWorld_TakesNoInvalidInstanceAndRefusesNoValidOne()
    {
        string folder = Path.Combine(GoldenModels.Root, "..", "..", "..", "shared", "maskbench", "data");
        Assert.SkipUnless(Directory.Exists(folder), $"The sample of MaskBench is not in {Path.GetFullPath(folder)}.");
        int files = 0, compiled = 0;
        List<string> wrong = [];
        foreach (string file in Directory.GetFiles(folder, "*.json").Order(StringComparer.Ordinal))
        {
            files++;
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(file), new() { MaxDepth = 1000 });
            if (Compiled(document.RootElement.GetProperty("schema").GetRawText()) is not { } matcher) continue;
            compiled++;
            foreach (JsonElement test in document.RootElement.GetProperty("tests").EnumerateArray())
            {
                string text = JsonSerializer.Serialize(test.GetProperty("data"), Compact);
                if (matcher.Accepts(text) != test.GetProperty("valid").GetBoolean()) wrong.Add($"{Path.GetFileName(file)}: {text}");
            }
        }

        Assert.Empty(wrong);
        Assert.InRange(compiled, files * 95 / 100, files);
    }

    private static SchemaMatcher? Compiled(string schema)
    {
        try
        {
            return new(schema);
        }
        catch (GrammarException)
        {
            return null;
        }
    }
}
