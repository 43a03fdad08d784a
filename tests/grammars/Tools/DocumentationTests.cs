using Gemma2.Golden;
using Gemma2.Grammars.Tools;

namespace Gemma2.Grammars.Tests.Tools;

public sealed class DocumentationTests
{
    [Fact]
    public void ApiPage_Tools_ShowsThePromptAsItIs() =>
        Assert.Contains(ToolPrompt.Default, File.ReadAllText(Path.Combine(GoldenModels.Root, "../../docs/api.md")), StringComparison.Ordinal);
}
