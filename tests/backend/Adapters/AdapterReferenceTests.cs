using Gemma2.Backend.Adapters;

namespace Gemma2.Backend.Tests.Adapters;

public sealed class AdapterReferenceTests
{
    [Theory]
    [InlineData("./a", "./a", 1), InlineData("./a:0.5", "./a", 0.5), InlineData("a:-2", "a", -2), InlineData("a:0", "a", 0), InlineData("a:1e-1", "a", 0.1), InlineData(" a : 3 ", "a", 3)]
    [InlineData("blob:a", "blob:a", 1), InlineData("blob:a:0.5", "blob:a", 0.5), InlineData("blob:7", "blob:7", 1), InlineData("/x:y/a.gguf", "/x:y/a.gguf", 1), InlineData("/x:y/a.gguf:2", "/x:y/a.gguf", 2)]
    public void TryParse_PlaceAndScale_AreTaken(string text, string place, double scale) => Assert.Equal(new AdapterReference(place, scale), AdapterReference.TryParse(text));

    [Theory, InlineData(""), InlineData(" "), InlineData("a:"), InlineData("a:x"), InlineData("a:NaN"), InlineData("a:1e999"), InlineData("a:Infinity"), InlineData(":1"), InlineData("a:0,5"), InlineData("blob:"), InlineData("blob:a:b")]
    public void TryParse_NoPlaceOrNoNumber_IsNone(string text) => Assert.Null(AdapterReference.TryParse(text));

    [Fact]
    public void TryParseList_Semicolons_SeparateThem()
    {
        Assert.Equal([new AdapterReference("a", 1), new AdapterReference("./b", 0.5)], AdapterReference.TryParseList(" a ; ./b:0.5; "));
        Assert.Null(AdapterReference.TryParseList("a;b:x"));
        Assert.Null(AdapterReference.TryParseList("a;a:2"));
    }
}
